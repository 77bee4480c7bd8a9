"""``boxship volume prune``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.pruning import FLAGS_WITH_FILTER, VOLUMES, prune
from boxship.cli.session import Cli

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (
    Flag("all", "a", "bool", "Remove all unused volumes, not just anonymous ones"),
    *FLAGS_WITH_FILTER,
)
_ALL_WARNING = "WARNING! This will remove all local volumes not used by at least one container."


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Remove unused volumes."""
    everything = flags.on("all")
    return prune(
        cli,
        flags,
        VOLUMES,
        warning=_ALL_WARNING if everything else "",
        extra={"all": ["true"]} if everything else None,
    )
