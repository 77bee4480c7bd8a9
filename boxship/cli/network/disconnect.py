"""``boxship network disconnect``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.networks import network_disconnect

USAGE = "[OPTIONS] NETWORK CONTAINER"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS = (Flag("force", "f", "bool", "Force the container to disconnect from a network"),)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Disconnect a container."""
    cli.client.run(network_disconnect(args[0], args[1], force=flags.on("force")))
    return 0
