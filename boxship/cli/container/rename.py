"""``boxship rename``."""

from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_rename

USAGE = "CONTAINER NEW_NAME"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Give another name."""
    old, new = args[0].strip(), args[1].strip()
    if not old or not new:
        raise CliError("neither old nor new names may be empty")
    cli.client.run(container_rename(old, new))
    return 0
