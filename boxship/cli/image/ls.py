"""``boxship image ls``, ``boxship images``."""

from boxship import units
from boxship.cli import human, terminal
from boxship.cli.errors import CliError
from boxship.cli.filters import FILTER, FORMAT, read_filters
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import Listing
from boxship.client.calls.images import image_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    Json = Mapping[str, Any]
    Row = dict[str, Any]

USAGE = "[OPTIONS] [REPOSITORY[:TAG]]"
ARGS: tuple[int, int | None] = (0, 1)
FLAGS = (
    Flag("all", "a", "bool", "Show all images (default hides intermediate images)"),
    Flag("digests", "", "bool", "Show digests"),
    FILTER,
    FORMAT,
    Flag("no-trunc", "", "bool", "Don't truncate output"),
    Flag("quiet", "q", "bool", "Only show image IDs"),
    Flag("tree", "", "bool", "List multi-platform images as a tree (EXPERIMENTAL)"),
)
_HEADERS = {
    "Containers": "CONTAINERS",
    "CreatedAt": "CREATED AT",
    "CreatedSince": "CREATED",
    "Digest": "DIGEST",
    "ID": "IMAGE ID",
    "Repository": "REPOSITORY",
    "SharedSize": "SHARED SIZE",
    "Size": "SIZE",
    "Tag": "TAG",
    "UniqueSize": "UNIQUE SIZE",
    "VirtualSize": "SIZE",
}
_COLUMNS = ("Repository", "Tag", "ID", "CreatedSince", "Size")
_DIGEST_COLUMNS = ("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size")
_NONE = "<none>"


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the list."""
    if flags.on("tree"):
        return _tree(cli, flags, args)
    text = flags.text("format") or ("" if flags.on("quiet") else cli.config.text("imagesFormat"))
    filters = _filters(flags, args)
    images = cli.json(image_list(all=flags.on("all"), filters=filters))
    with_digests = flags.on("digests") or ".Digest" in text
    no_trunc = flags.on("no-trunc")
    rows = [
        row
        for image in images
        for row in _rows(image, with_digests=with_digests, no_trunc=no_trunc)
    ]
    columns = _DIGEST_COLUMNS if flags.on("digests") else _COLUMNS
    cli.write(Listing(_HEADERS, columns, "ID").render(rows, text, quiet=flags.on("quiet")))
    return 0


def _filters(flags: Flags, args: list[str]) -> dict[str, list[str]]:
    filters = read_filters(flags)
    if args:
        filters.setdefault("reference", []).append(args[0])
    return filters


def _tree(cli: Cli, flags: Flags, args: list[str]) -> int:
    from boxship.cli.image import tree

    for name in ("quiet", "no-trunc", "digests", "format"):
        if flags.changed(name):
            shown = {"quiet": "--quiet", "digests": "--show-digest"}.get(name, f"--{name}")
            raise CliError(f"{shown} is not yet supported with --tree")
    call = image_list(all=flags.on("all"), filters=_filters(flags, args), manifests=True)
    style = tree.Style(terminal.is_terminal(terminal.STDOUT))
    cli.write(tree.render(cli.json(call), terminal.size()[1], style))
    return 0


def _rows(image: "Json", *, with_digests: bool, no_trunc: bool) -> "Iterator[Row]":
    """One row for each tag; with digests one for each tag and digest."""
    for repository, tag, digest in _names(image, with_digests=with_digests):
        containers = image.get("Containers", -1)
        yield {
            "Repository": repository,
            "Tag": tag,
            "Digest": digest,
            "ID": image["Id"] if no_trunc else human.short_id(image["Id"]),
            "CreatedSince": human.ago(image["Created"]) if image.get("Created") else "N/A",
            "CreatedAt": human.local_time(image.get("Created") or 0),
            "Size": human.size(image.get("Size") or 0),
            "VirtualSize": units.human_size(image.get("Size") or 0),
            "SharedSize": _maybe_size(image.get("SharedSize", -1)),
            "UniqueSize": "N/A",
            "Containers": str(containers) if containers >= 0 else "N/A",
        }


def _maybe_size(size: int) -> str:
    return human.size(size) if size >= 0 else "N/A"


def _names(image: "Json", *, with_digests: bool) -> list[tuple[str, str, str]]:
    tags = [text for text in image.get("RepoTags") or [] if text != f"{_NONE}:{_NONE}"]
    digests: dict[str, str] = {}
    for text in image.get("RepoDigests") or []:
        repository, _, digest = text.partition("@")
        if repository != _NONE:
            digests[repository] = digest
    if not tags:
        return [(repo, _NONE, digest) for repo, digest in digests.items()] or [
            (_NONE, _NONE, _NONE)
        ]
    split = [text.rpartition(":")[::2] for text in tags]
    return [(repo, tag, digests.get(repo, _NONE) if with_digests else _NONE) for repo, tag in split]
