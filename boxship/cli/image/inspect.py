"""``boxship image inspect``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.inspecting import FORMAT, inspect
from boxship.cli.session import Cli
from boxship.client.calls.images import image_inspect

USAGE = "[OPTIONS] IMAGE [IMAGE...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (FORMAT, Flag("platform", "", "string", "Inspect a specific platform of the image"))


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the documents."""
    platform = flags.text("platform")
    return inspect(
        cli, flags.text("format"), args, lambda ref: cli.json(image_inspect(ref, platform))
    )
