"""``boxship network rm``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.networks import network_remove

USAGE = "NETWORK [NETWORK...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (Flag("force", "f", "bool", "Do not error if the network does not exist"),)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Remove each and print its name."""
    return cli.for_each(
        args,
        lambda ref: cli.client.run(network_remove(ref)),
        missing_is_failure=not flags.on("force"),
    )
