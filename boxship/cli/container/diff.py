"""``boxship diff``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_changes

USAGE = "CONTAINER"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS: tuple[Flag, ...] = ()
_KINDS = "CAD"


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print changed (C), added (A) and deleted (D) paths."""
    changes = cli.json(container_changes(args[0])) or []
    cli.write("".join(f"{_KINDS[change['Kind']]} {change['Path']}\n" for change in changes))
    return 0
