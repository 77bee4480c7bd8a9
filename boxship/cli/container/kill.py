"""``boxship kill``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_kill

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (Flag("signal", "s", "string", "Signal to send to the container"),)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Send a signal to each and print its name."""
    signal = flags.text("signal")
    return cli.for_each(args, lambda ref: cli.client.run(container_kill(ref, signal)))
