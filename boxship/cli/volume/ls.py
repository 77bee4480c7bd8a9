"""``boxship volume ls``."""

from boxship.cli import human
from boxship.cli.filters import FILTER, FORMAT, read_filters
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import Listing
from boxship.client.calls.volumes import volume_list

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (FILTER, FORMAT, Flag("quiet", "q", "bool", "Only display volume names"))
_HEADERS = {
    "Availability": "AVAILABILITY",
    "Driver": "DRIVER",
    "Group": "GROUP",
    "Labels": "LABELS",
    "Links": "LINKS",
    "Mountpoint": "MOUNTPOINT",
    "Name": "VOLUME NAME",
    "Scope": "SCOPE",
    "Size": "SIZE",
    "Status": "STATUS",
}


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the list, sorted by name."""
    text = flags.text("format") or ("" if flags.on("quiet") else cli.config.text("volumesFormat"))
    volumes = cli.json(volume_list(read_filters(flags))).get("Volumes") or []
    rows = [
        {
            "Name": item["Name"],
            "Driver": item["Driver"],
            "Scope": item.get("Scope", ""),
            "Mountpoint": item.get("Mountpoint", ""),
            "Labels": human.labels(item.get("Labels")),
            **dict.fromkeys(("Links", "Size", "Availability", "Group", "Status"), "N/A"),
        }
        for item in sorted(volumes, key=lambda item: item["Name"])
    ]
    listing = Listing(_HEADERS, ("Driver", "Name"), "Name")
    cli.write(listing.render(rows, text, quiet=flags.on("quiet")))
    return 0
