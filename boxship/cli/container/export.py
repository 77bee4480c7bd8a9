"""``boxship export``."""

from boxship.cli.files import write_stream
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_export

USAGE = "[OPTIONS] CONTAINER"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (Flag("output", "o", "string", "Write to a file, instead of STDOUT"),)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Write the file system as a tar archive."""
    write_stream(cli, container_export(args[0]), flags.text("output"))
    return 0
