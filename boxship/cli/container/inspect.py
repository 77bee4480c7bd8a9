"""``boxship container inspect``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.inspecting import FORMAT, inspect
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_inspect

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (FORMAT, Flag("size", "s", "bool", "Display total file sizes"))


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the documents."""
    size = flags.on("size")
    return inspect(
        cli, flags.text("format"), args, lambda ref: cli.json(container_inspect(ref, size=size))
    )
