"""``boxship context use``."""

from boxship.cli.context.current import load_context, set_current, warn_of_environment
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli

USAGE = "CONTEXT"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Let later commands speak to a context's engine."""
    load_context(cli, args[0])
    set_current(cli, args[0])
    cli.print(args[0])
    cli.warn(f'Current context is now "{args[0]}"')
    warn_of_environment(cli)
    return 0
