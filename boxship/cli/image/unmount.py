"""``boxship image unmount``."""

import os

from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.image_extras import image_unmount

USAGE = "IMAGE|PATH [IMAGE|PATH...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Undo the mount at each path, or all of each image."""

    def unmount(ref: str) -> None:
        is_path = ref.startswith((".", "/"))
        cli.json(image_unmount(os.path.abspath(ref) if is_path else ref))

    return cli.for_each(args, unmount)
