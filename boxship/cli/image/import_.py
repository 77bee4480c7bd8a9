"""``boxship import``."""

import os
import sys

from boxship import reference
from boxship.cli.files import read_file
from boxship.cli.flags import Flag, Flags
from boxship.cli.progress import ProgressDisplay
from boxship.cli.session import Cli
from boxship.client.calls.images import image_import

USAGE = "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]"
ARGS: tuple[int, int | None] = (1, 2)
FLAGS = (
    Flag("change", "c", "list", "Apply Dockerfile instruction to the created image"),
    Flag("message", "m", "string", "Set commit message for imported image"),
    Flag("platform", "", "string", "Set platform if server is multi-platform capable"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Make an image of a tar archive and print its id."""
    repo = tag = ""
    if len(args) == 2:
        name = reference.parse_normalized(args[1])
        repo, tag = name.familiar_name, name.tag or ""
    source = args[0]
    remote = source.startswith(("http://", "https://"))
    call = image_import(
        source if remote else "-",
        repo=repo,
        tag=tag,
        message=flags.text("message"),
        changes=flags.items("change"),
        platform=flags.text("platform") or os.environ.get("DOCKER_DEFAULT_PLATFORM", ""),
        tar=None if remote else read_file(source),
    )
    ProgressDisplay(sys.stdout).show(cli.client.lines(call))
    return 0
