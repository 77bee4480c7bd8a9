"""``boxship volume import``."""

from boxship.cli.errors import CliError
from boxship.cli.files import read_file
from boxship.cli.flags import Flags
from boxship.cli.session import Cli
from boxship.cli.terminal import STDIN, is_terminal
from boxship.client.calls.volume_extras import put_volume_archive

USAGE = "VOLUME [FILE|-]"
ARGS: tuple[int, int | None] = (1, 2)
FLAGS = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Unpack a tar archive into a volume, which is made if it is not there; print its name."""
    path = args[1] if len(args) > 1 else "-"
    if path == "-" and is_terminal(STDIN):
        raise CliError("volume import reads a tar archive from STDIN, which is a terminal")
    cli.print(cli.json(put_volume_archive(args[0], read_file(path)))["Name"])
    return 0
