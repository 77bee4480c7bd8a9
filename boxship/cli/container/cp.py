"""``boxship cp``."""

import os

from boxship import units
from boxship.cli.container.copying import copy_from_container, copy_to_container
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli

USAGE = "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS = (
    Flag("archive", "a", "bool", "Archive mode (copy all uid/gid information)"),
    Flag("follow-link", "L", "bool", "Always follow symbol link in SRC_PATH"),
    Flag("quiet", "q", "bool", "Suppress progress output during copy"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Copy one way or the other."""
    source, target = split(args[0]), split(args[1])
    if source[0] and target[0]:
        raise CliError("copying between containers is not supported")
    if not source[0] and not target[0]:
        raise CliError("must specify at least one container source")
    follow, archive = flags.on("follow-link"), flags.on("archive")
    if source[0]:
        copied = copy_from_container(cli, *source, target[1], follow=follow, keep_owner=archive)
    else:
        copied = copy_to_container(cli, source[1], *target, follow=follow, keep_owner=archive)
    if not flags.on("quiet") and "-" not in (args[0], args[1]):
        shown = args[1] if target[0] else os.path.abspath(target[1])
        cli.warn(f"Successfully copied {units.human_size(copied)} to {shown}")
    return 0


def split(text: str) -> tuple[str, str]:
    """``container:path``; a path that begins with ``/`` or ``.`` is local: ("", path)."""
    container, colon, path = text.partition(":")
    if text.startswith("/") or not colon or container.startswith("."):
        return "", text
    if not path:
        raise CliError(f"no path in {text!r}: write CONTAINER:PATH")
    return container, path
