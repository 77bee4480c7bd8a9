"""``boxship restart``."""

from boxship.cli.container.stop import timeout_s
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_restart

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (
    Flag("signal", "s", "string", "Signal to send to the container"),
    Flag("time", "", "int", "Seconds to wait before killing the container", hidden=True),
    Flag("timeout", "t", "int", "Seconds to wait before killing the container"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Restart each and print its name."""
    signal, seconds = flags.text("signal"), timeout_s(flags)
    return cli.for_each(
        args, lambda ref: cli.client.run(container_restart(ref, signal=signal, timeout_s=seconds))
    )
