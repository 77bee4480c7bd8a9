"""``boxship completion``."""

from boxship.cli.completion import SHELLS
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli

USAGE = "bash|zsh|fish"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the script for one shell."""
    if args[0] not in SHELLS:
        raise CliError(f"unknown shell {args[0]!r}: use bash, zsh or fish")
    cli.write(SHELLS[args[0]]())
    return 0
