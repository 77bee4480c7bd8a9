"""``boxship volume mv``."""

from boxship.cli.flags import Flags
from boxship.cli.session import Cli
from boxship.client.calls.volume_extras import volume_rename

USAGE = "VOLUME NEW_NAME"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Give a volume that no container uses another name."""
    cli.print(cli.json(volume_rename(args[0], args[1]))["Name"])
    return 0
