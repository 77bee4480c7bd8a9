"""``boxship image prune``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.pruning import FLAGS_WITH_FILTER, IMAGES, prune
from boxship.cli.session import Cli

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (
    Flag("all", "a", "bool", "Remove all unused images, not just dangling ones"),
    *FLAGS_WITH_FILTER,
)
_ALL_WARNING = (
    "WARNING! This will remove all images without at least one container associated to them."
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Remove unused images."""
    everything = flags.on("all")
    return prune(
        cli,
        flags,
        IMAGES,
        warning=_ALL_WARNING if everything else "",
        extra={"dangling": ["false" if everything else "true"]},
    )
