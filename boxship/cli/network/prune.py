"""``boxship network prune``."""

from boxship.cli.flags import Flags
from boxship.cli.pruning import FLAGS_WITH_FILTER, NETWORKS, prune
from boxship.cli.session import Cli

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = FLAGS_WITH_FILTER


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Remove all unused networks."""
    return prune(cli, flags, NETWORKS)
