"""``boxship pull``."""

import os
import sys

from boxship import reference
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.image.pulling import pull
from boxship.cli.session import Cli

USAGE = "[OPTIONS] NAME[:TAG|@DIGEST]"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    Flag("all-tags", "a", "bool", "Download all tagged images in the repository"),
    Flag("disable-content-trust", "", "bool", "Skip image verification", hidden=True),
    Flag("platform", "", "string", "Set platform if server is multi-platform capable"),
    Flag("quiet", "q", "bool", "Suppress verbose output"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Pull and print the whole name."""
    image = reference.parse_normalized(args[0])
    quiet = flags.on("quiet")
    if flags.on("all-tags"):
        if image.tag or image.digest:
            raise CliError("tag can't be used with --all-tags/-a")
    elif not image.tag and not image.digest:
        image = image.with_default_tag()
        if not quiet:
            cli.print(f"Using default tag: {image.tag}")
    platform = flags.text("platform") or os.environ.get("DOCKER_DEFAULT_PLATFORM", "")
    pull(cli, image, platform=platform, stream=sys.stdout, quiet=quiet)
    cli.print(str(image))
    return 0
