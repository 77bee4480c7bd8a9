"""``boxship history``."""

from boxship.cli import human
from boxship.cli.filters import FORMAT
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import Listing
from boxship.client.calls.images import image_history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

USAGE = "[OPTIONS] IMAGE"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    FORMAT,
    Flag("human", "H", "bool", "Print sizes and dates in human readable format", default=True),
    Flag("no-trunc", "", "bool", "Don't truncate output"),
    Flag("platform", "", "string", "Show history for the given platform"),
    Flag("quiet", "q", "bool", "Only show image IDs"),
)
_HEADERS = {
    "Comment": "COMMENT",
    "CreatedAt": "CREATED AT",
    "CreatedBy": "CREATED BY",
    "CreatedSince": "CREATED",
    "ID": "IMAGE",
    "Size": "SIZE",
}
_CREATED_BY_WIDTH = 45
_COMMENT_WIDTH = 80


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the steps that made an image, the newest first."""
    items = cli.json(image_history(args[0], flags.text("platform")))
    no_trunc, for_people = flags.on("no-trunc"), flags.on("human")
    rows = [_row(item, no_trunc=no_trunc, for_people=for_people) for item in items]
    created = "CreatedSince" if for_people else "CreatedAt"
    columns = ("ID", created, "CreatedBy", "Size", "Comment")
    listing = Listing(_HEADERS, columns, "ID")
    cli.write(listing.render(rows, flags.text("format"), quiet=flags.on("quiet")))
    return 0


def _row(item: "Mapping[str, Any]", *, no_trunc: bool, for_people: bool) -> "dict[str, Any]":
    created_by = (item.get("CreatedBy") or "").replace("\t", " ")
    comment = item.get("Comment") or ""
    size = item.get("Size") or 0
    created = item.get("Created") or 0
    return {
        "ID": item["Id"] if no_trunc else human.short_id(item["Id"]),
        "CreatedSince": human.ago(created) if created > 0 else "N/A",
        "CreatedAt": human.rfc3339(created),
        "CreatedBy": created_by if no_trunc else human.ellipsis(created_by, _CREATED_BY_WIDTH),
        "Size": human.size(size) if for_people else str(size),
        "Comment": comment if no_trunc else human.ellipsis(comment, _COMMENT_WIDTH),
    }
