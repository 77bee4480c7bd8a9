"""``boxship container prune``."""

from boxship.cli.flags import Flags
from boxship.cli.pruning import CONTAINERS, FLAGS_WITH_FILTER, prune
from boxship.cli.session import Cli

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = FLAGS_WITH_FILTER


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Remove all stopped containers."""
    return prune(cli, flags, CONTAINERS)
