"""``boxship top``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import align
from boxship.client.calls.containers import container_top

USAGE = "CONTAINER [ps OPTIONS]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS: tuple[Flag, ...] = ()
INTERSPERSED = False


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the processes."""
    result = cli.json(container_top(args[0], " ".join(args[1:])))
    cli.write(align([result["Titles"], *(result["Processes"] or [])], least_width=20))
    return 0
