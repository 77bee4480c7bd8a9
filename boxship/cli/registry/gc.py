"""``boxship registry gc``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.registry.program import COMMON, run_program
from boxship.cli.session import Cli

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (*COMMON, Flag("dry-run", "", "bool", "Only show what would go, and how many bytes"))


def run(_cli: Cli, flags: Flags, _args: list[str]) -> int:
    """Remove what nothing in the registry leads to; it may be serving meanwhile."""
    return run_program("gc", flags, FLAGS)
