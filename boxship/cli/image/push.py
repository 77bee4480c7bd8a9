"""``boxship push``."""

import sys

from boxship import reference
from boxship.cli import credentials
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.progress import ProgressDisplay
from boxship.cli.session import Cli
from boxship.client.calls.images import image_push

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

USAGE = "[OPTIONS] NAME[:TAG]"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    Flag("all-tags", "a", "bool", "Push all tags of an image to the repository"),
    Flag("disable-content-trust", "", "bool", "Skip image signing", default=True, hidden=True),
    Flag("platform", "", "string", "Push only this platform's image of an index"),
    Flag("quiet", "q", "bool", "Suppress verbose output"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Push with progress; with --quiet only the name is printed."""
    image = reference.parse_normalized(args[0])
    if flags.on("all-tags"):
        if image.tag or image.digest:
            raise CliError("tag can't be used with --all-tags/-a")
    elif not image.tag:
        image = image.with_default_tag()
        if not flags.on("quiet"):
            cli.print(f"Using default tag: {image.tag}")
    auth = credentials.encode(credentials.for_registry(cli.config, image.domain))
    call = image_push(
        image.familiar_name,
        image.tag or "",
        platform=flags.text("platform"),
        registry_auth=auth,
    )
    messages = cli.client.lines(call)
    if flags.on("quiet"):
        messages = (
            item
            for item in messages
            if item.get("error") or item.get("errorDetail") or item.get("aux")
        )
    notes: list[str] = []
    ProgressDisplay(sys.stdout).show(messages, lambda aux: notes.extend(_note(aux)))
    if flags.on("quiet"):
        cli.print(str(image))
    for note in notes:
        cli.print(note)
    return 0


def _note(aux: "dict[str, Any]") -> "Iterator[str]":
    """Say, as Docker's command does after all else, that a part of an index was pushed."""
    if aux.get("manifestPushedInsteadOfIndex"):
        yield (
            "\n Info -> Not all multiplatform-content is present and only the available "
            "single-platform image was pushed\n"
            f"         {aux['originalIndex']['digest']} -> {aux['selectedManifest']['digest']}"
        )
