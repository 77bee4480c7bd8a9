"""``boxship load``."""

import sys

from boxship.cli.errors import CliError
from boxship.cli.files import read_file
from boxship.cli.flags import Flag, Flags
from boxship.cli.progress import ProgressDisplay
from boxship.cli.session import Cli
from boxship.cli.terminal import STDIN, is_terminal
from boxship.client.calls.images import image_load

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (
    Flag("input", "i", "string", "Read from tar archive file, instead of STDIN"),
    Flag("platform", "", "slice", "Load only the given platform variants", shown="strings"),
    Flag("quiet", "q", "bool", "Suppress the load output"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Load the images of an archive."""
    path = flags.text("input")
    if not path and is_terminal(STDIN):
        raise CliError("requested load from stdin, but stdin is empty")
    quiet = flags.on("quiet") or not sys.stdout.isatty()
    call = image_load(read_file(path), quiet=quiet, platforms=flags.items("platform"))
    ProgressDisplay(sys.stdout).show(cli.client.lines(call))
    return 0
