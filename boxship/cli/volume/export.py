"""``boxship volume export``."""

from boxship.cli.files import write_stream
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.volume_extras import volume_archive

USAGE = "[OPTIONS] VOLUME"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    Flag("output", "o", "string", "Write to a file, instead of STDOUT"),
    Flag("pause", "p", "bool", "Pause the containers that use the volume meanwhile"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Write the files of a volume as a tar archive."""
    write_stream(cli, volume_archive(args[0], pause=flags.on("pause")), flags.text("output"))
    return 0
