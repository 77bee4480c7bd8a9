"""``boxship volume ls``."""

from boxship.cli import human
from boxship.cli.filters import FILTER, FORMAT, read_filters
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import Listing
from boxship.client.calls.system import system_disk_usage
from boxship.client.calls.volumes import volume_list

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (
    FILTER,
    FORMAT,
    Flag("quiet", "q", "bool", "Only display volume names"),
    Flag("size", "", "bool", "Measure the volumes, and count the containers that use them"),
)
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
    usage = _usage(cli) if flags.on("size") else {}
    rows = [
        {
            "Name": item["Name"],
            "Driver": item["Driver"],
            "Scope": item.get("Scope", ""),
            "Mountpoint": item.get("Mountpoint", ""),
            "Labels": human.labels(item.get("Labels")),
            **dict.fromkeys(("Links", "Size", "Availability", "Group", "Status"), "N/A"),
            **usage.get(item["Name"], {}),
        }
        for item in sorted(volumes, key=lambda item: item["Name"])
    ]
    columns = ("Driver", "Name", "Links", "Size") if flags.on("size") else ("Driver", "Name")
    listing = Listing(_HEADERS, columns, "Name")
    cli.write(listing.render(rows, text, quiet=flags.on("quiet")))
    return 0


def _usage(cli: Cli) -> "dict[str, dict[str, str]]":
    """What the engine measures of each volume."""
    found = cli.json(system_disk_usage(["volume"])).get("Volumes") or []
    return {
        item["Name"]: {
            "Links": str(item["UsageData"]["RefCount"]),
            "Size": human.size(item["UsageData"]["Size"]),
        }
        for item in found
    }
