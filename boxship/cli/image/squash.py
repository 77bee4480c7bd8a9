"""``boxship image squash``."""

from boxship.cli.errors import EXIT_USAGE, UsageError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.image_extras import image_squash

USAGE = "[OPTIONS] IMAGE"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    Flag(
        "from",
        "",
        "string",
        "What stays as it is: a number of layers, a layer's digest, or a base image",
    ),
    Flag("tag", "t", "string", "Name of the new image"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Make the image and print its id."""
    if not flags.text("from"):
        raise UsageError("--from is required: --from 0 merges all layers", EXIT_USAGE)
    made = cli.json(image_squash(args[0], flags.text("from"), flags.text("tag")))
    cli.print(made["Id"])
    return 0
