"""``boxship image bootstrap``."""

import sys

from boxship.cli.errors import EXIT_USAGE, UsageError
from boxship.cli.files import check_output, write_stream
from boxship.cli.flags import Flag, Flags
from boxship.cli.progress import ProgressDisplay
from boxship.cli.session import Cli
from boxship.client.calls.image_extras import image_bootstrap
from boxship.client.calls.images import image_save

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

USAGE = "[OPTIONS] busybox|debian:SUITE"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    Flag("change", "c", "list", "Apply Dockerfile instruction to the created image"),
    Flag("cmd", "", "string", "Command of the image: a JSON list or a shell's command line"),
    Flag("component", "", "slice", "Components of the package source (main, contrib, …)"),
    Flag("entrypoint", "", "string", "Entry point of the image, like --cmd"),
    Flag("env", "e", "list", "Set environment variables of the image"),
    Flag("epoch", "", "string", "Seconds since 1970 to which later times are clamped"),
    Flag("expose", "", "list", "Expose a port of the image"),
    Flag("label", "l", "list", "Set labels of the image"),
    Flag("mirror", "", "string", "URL of the package source (default: the one of the host's apt)"),
    Flag("output", "o", "string", "Write the image to a tar archive as well"),
    Flag("package", "", "slice", "Further packages", shown="strings"),
    Flag("platform", "", "slice", "Platforms to make the image for", shown="strings"),
    Flag("quiet", "q", "bool", "Print the image's id only"),
    Flag("tag", "t", "string", "Name of the new image"),
    Flag("user", "u", "string", "User of the image"),
    Flag("variant", "", "string", "minbase, essential or custom", default="minbase"),
    Flag("volume", "v", "list", "Declare a volume of the image"),
    Flag("workdir", "w", "string", "Working directory of the image"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Make the image and print its id."""
    output = flags.text("output")
    if output:
        check_output(output)
    made: list[str] = []
    messages = cli.client.lines(image_bootstrap(_request(flags, args[0])))
    display = ProgressDisplay(sys.stderr)
    if flags.on("quiet"):
        wanted = ("aux", "error", "errorDetail")
        messages = (item for item in messages if any(item.get(key) for key in wanted))
    display.show(messages, lambda aux: made.append(aux["ID"]))
    for image in made:
        cli.print(image)
    if output:
        write_stream(
            cli, image_save([flags.text("tag")] if flags.text("tag") else made, []), output
        )
    return 0


def _request(flags: Flags, source: str) -> "dict[str, Any]":
    epoch = flags.text("epoch")
    if epoch and not epoch.isdecimal():
        raise UsageError(f"--epoch {epoch}: give seconds since 1970", EXIT_USAGE)
    return {
        "Source": source,
        "Name": flags.text("tag"),
        "Platforms": flags.items("platform"),
        "Packages": flags.items("package"),
        "Variant": flags.text("variant"),
        "Mirror": flags.text("mirror"),
        "Components": flags.items("component"),
        "Epoch": int(epoch) if epoch else None,
        "Changes": [*_instructions(flags), *flags.items("change")],
    }


def _instructions(flags: Flags) -> "Iterator[str]":
    """The flags as Dockerfile instructions."""
    for name, word in (("env", "ENV"), ("label", "LABEL")):
        for text in flags.items(name):
            key, _, value = text.partition("=")
            yield f"{word} {key}={_quoted(value)}"
    for name in ("expose", "volume"):
        for text in flags.items(name):
            yield f"{name.upper()} {text}"
    for name in ("workdir", "user", "entrypoint", "cmd"):
        if flags.text(name):
            yield f"{name.upper()} {flags.text(name)}"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
