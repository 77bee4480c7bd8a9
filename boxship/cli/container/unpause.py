"""``boxship unpause``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_unpause

USAGE = "CONTAINER [CONTAINER...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Thaw each and print its name."""
    return cli.for_each(args, lambda ref: cli.client.run(container_unpause(ref)))
