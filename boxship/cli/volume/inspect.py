"""``boxship volume inspect``."""

from boxship.cli.flags import Flags
from boxship.cli.inspecting import FORMAT, inspect
from boxship.cli.session import Cli
from boxship.client.calls.volumes import volume_inspect

USAGE = "[OPTIONS] VOLUME [VOLUME...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (FORMAT,)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the documents."""
    return inspect(cli, flags.text("format"), args, lambda ref: cli.json(volume_inspect(ref)))
