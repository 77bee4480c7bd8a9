"""``boxship context show``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli

USAGE = ""
ARGS: tuple[int, int | None] = (0, 0)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the name of the context in use."""
    cli.print(cli.options.context)
    return 0
