"""``boxship volume snapshot``."""

from boxship.cli.flags import Flags
from boxship.cli.session import Cli
from boxship.cli.volume.copying import LIVE, copy

USAGE = "[OPTIONS] VOLUME [SNAPSHOT]"
ARGS: tuple[int, int | None] = (1, 2)
FLAGS = (LIVE,)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Make a volume that keeps what another holds now."""
    target = args[1] if len(args) > 1 else ""
    return copy(cli, args[0], {"Snapshot": True, "Target": target, "Pause": not flags.on("live")})
