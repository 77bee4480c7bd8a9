"""``boxship volume rm``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.volumes import volume_remove

USAGE = "[OPTIONS] VOLUME [VOLUME...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (Flag("force", "f", "bool", "Force the removal of one or more volumes"),)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Remove each and print its name."""
    force = flags.on("force")
    return cli.for_each(args, lambda name: cli.client.run(volume_remove(name, force=force)))
