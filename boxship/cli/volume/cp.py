"""``boxship volume cp``."""

from boxship.cli.container.spec_files import pairs
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.volume.copying import LIVE, copy

USAGE = "[OPTIONS] SOURCE TARGET"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS = (Flag("label", "", "list", "Set metadata for the new volume"), LIVE)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Make a volume with the files of another."""
    labels = pairs(flags.items("label"))
    body = {"Target": args[1], "Labels": labels, "Pause": not flags.on("live")}
    return copy(cli, args[0], body)
