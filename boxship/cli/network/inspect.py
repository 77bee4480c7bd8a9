"""``boxship network inspect``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.inspecting import FORMAT, inspect
from boxship.cli.session import Cli
from boxship.client.calls.networks import network_inspect

USAGE = "[OPTIONS] NETWORK [NETWORK...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (FORMAT, Flag("verbose", "v", "bool", "Verbose output for diagnostics"))


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the documents."""
    verbose = flags.on("verbose")
    return inspect(
        cli,
        flags.text("format"),
        args,
        lambda ref: cli.json(network_inspect(ref, verbose=verbose)),
    )
