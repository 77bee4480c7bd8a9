"""``boxship image mount``."""

import os

from boxship.cli import human
from boxship.cli.filters import FORMAT
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import Listing
from boxship.client.calls.image_extras import image_mount, image_mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

USAGE = "[OPTIONS] [IMAGE [PATH]]"
ARGS: tuple[int, int | None] = (0, 2)
FLAGS = (FORMAT, Flag("no-trunc", "", "bool", "Don't truncate output"))
_HEADERS = {"Image": "IMAGE", "ID": "IMAGE ID", "Path": "PATH", "CreatedAt": "CREATED AT"}
_LISTING = Listing(_HEADERS, ("Image", "ID", "Path"), "Path")


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Mount an image, read-only, and print where; without arguments list what is mounted."""
    if not args:
        rows = [_row(one, no_trunc=flags.on("no-trunc")) for one in cli.json(image_mounts())]
        cli.write(_LISTING.render(rows, flags.text("format")))
        return 0
    path = os.path.abspath(args[1]) if len(args) > 1 else ""
    cli.print(cli.json(image_mount(args[0], path))["Target"])
    return 0


def _row(one: "Mapping[str, Any]", *, no_trunc: bool) -> "dict[str, str]":
    return {
        "Image": (one["Tags"] or ["<none>"])[0],
        "ID": human.short_id(one["Image"], no_trunc=no_trunc),
        "Path": one["Target"],
        "CreatedAt": one["Created"],
    }
