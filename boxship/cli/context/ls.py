"""``boxship context ls``."""

from boxship.cli.context.current import DEFAULT_DESCRIPTION, load_context, warn_of_environment
from boxship.cli.context.store import ContextStore
from boxship.cli.filters import FORMAT
from boxship.cli.flags import Flag, Flags
from boxship.cli.options import DEFAULT_CONTEXT
from boxship.cli.session import Cli
from boxship.cli.tables import Listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (FORMAT, Flag("quiet", "q", "bool", "Only show context names"))
_HEADERS = {
    "Current": "CURRENT",
    "Description": "DESCRIPTION",
    "DockerEndpoint": "DOCKER ENDPOINT",
    "Error": "ERROR",
    "Marked": "NAME",
    "Name": "NAME",
}


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the contexts, the current one with a star."""
    default = load_context(cli, DEFAULT_CONTEXT)
    others = ContextStore(cli.options.config_dir).all()
    rows = [
        _row(cli, DEFAULT_CONTEXT, DEFAULT_DESCRIPTION, default.host),
        *(_row(cli, other.name, other.description, other.host) for other in others),
    ]
    rows.sort(key=lambda row: row["Name"])
    text = flags.text("format")
    columns = ("Marked", "Description", "DockerEndpoint", "Error")
    if text == "json":
        rows = [{key: row[key] for key in row if key != "Marked"} for row in rows]
    cli.write(Listing(_HEADERS, columns, "Name").render(rows, text, quiet=flags.on("quiet")))
    warn_of_environment(cli)
    return 0


def _row(cli: Cli, name: str, description: str, host: str) -> "dict[str, Any]":
    current = name == cli.options.context
    return {
        "Current": current,
        "Description": description,
        "DockerEndpoint": host,
        "Error": "",
        "Marked": f"{name} *" if current else name,
        "Name": name,
    }
