"""``boxship save``."""

from boxship.cli.files import write_stream
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.images import image_save

USAGE = "[OPTIONS] IMAGE [IMAGE...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (
    Flag("output", "o", "string", "Write to a file, instead of STDOUT"),
    Flag("platform", "", "slice", "Save only the given platform variants", shown="strings"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Write images as a tar archive."""
    write_stream(cli, image_save(args, flags.items("platform")), flags.text("output"))
    return 0
