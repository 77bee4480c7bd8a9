"""``boxship volume restore``."""

from boxship.cli.flags import Flags
from boxship.cli.session import Cli
from boxship.client.calls.volume_extras import volume_restore

USAGE = "VOLUME SNAPSHOT"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Replace the files of a volume by those of a snapshot, or of any other volume."""
    cli.client.run(volume_restore(args[0], args[1]))
    cli.print(args[0])
    return 0
