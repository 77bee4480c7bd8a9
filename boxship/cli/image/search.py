"""``boxship search``."""

from boxship import reference
from boxship.cli import credentials, human
from boxship.cli.filters import FILTER, FORMAT, read_filters
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import Listing
from boxship.client.calls.images import image_search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

USAGE = "[OPTIONS] TERM"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    FILTER,
    FORMAT,
    Flag("limit", "", "int", "Max number of search results"),
    Flag("no-trunc", "", "bool", "Don't truncate output"),
)
_HEADERS = {
    "Description": "DESCRIPTION",
    "IsAutomated": "AUTOMATED",
    "IsOfficial": "OFFICIAL",
    "Name": "NAME",
    "StarCount": "STARS",
}
_COLUMNS = ("Name", "Description", "StarCount", "IsOfficial")
_DESCRIPTION_WIDTH = 45
_ONE_LINE = str.maketrans("\r\n\t", "   ")


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print what a registry's search finds."""
    auth = credentials.encode(credentials.for_registry(cli.config, _domain(args[0])))
    call = image_search(
        args[0],
        limit=flags.number("limit") or None,
        filters=read_filters(flags),
        registry_auth=auth,
    )
    rows = [_row(item, no_trunc=flags.on("no-trunc")) for item in cli.json(call) or []]
    cli.write(Listing(_HEADERS, _COLUMNS, "Name").render(rows, flags.text("format")))
    return 0


def _domain(term: str) -> str:
    """The registry that is searched."""
    first, slash, _ = term.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    return first if is_host else reference.DEFAULT_DOMAIN


def _row(item: "Mapping[str, Any]", *, no_trunc: bool) -> "dict[str, Any]":
    text = str(item.get("description") or "").translate(_ONE_LINE)
    return {
        "Name": item.get("name") or "",
        "Description": text if no_trunc else human.ellipsis(text, _DESCRIPTION_WIDTH),
        "StarCount": str(item.get("star_count") or 0),
        "IsOfficial": "[OK]" if item.get("is_official") else "",
        "IsAutomated": "[OK]" if item.get("is_automated") else "",
    }
