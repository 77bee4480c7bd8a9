"""``boxship stop``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_stop

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (
    Flag("signal", "s", "string", "Signal to send to the container"),
    Flag("time", "", "int", "Seconds to wait before killing the container", hidden=True),
    Flag("timeout", "t", "int", "Seconds to wait before killing the container"),
)


def timeout_s(flags: Flags) -> int | None:
    """Seconds of grace, None for the container's own."""
    for name in ("timeout", "time"):
        if flags.changed(name):
            return flags.number(name)
    return None


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Stop each and print its name."""
    signal, seconds = flags.text("signal"), timeout_s(flags)
    return cli.for_each(
        args, lambda ref: cli.client.run(container_stop(ref, signal=signal, timeout_s=seconds))
    )
