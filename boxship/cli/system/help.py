"""``boxship help``."""

import boxship.cli.help as help_text
from boxship.cli import commands
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.main import load
from boxship.cli.session import Cli

USAGE = "[COMMAND]"
ARGS: tuple[int, int | None] = (0, None)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the help of a command, a group, or all."""
    key, count = commands.find(args)
    if not args:
        cli.write(help_text.overview())
    elif key and count == len(args):
        cli.write(help_text.of_command(key, " ".join(args), load(key)))
    elif len(args) == 1 and args[0] in commands.GROUPS:
        cli.write(help_text.of_group(args[0]))
    else:
        raise CliError(f"unknown help topic: {' '.join(args)}")
    return 0
