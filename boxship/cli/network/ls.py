"""``boxship network ls``."""

from boxship.cli import human
from boxship.cli.filters import FILTER, FORMAT, read_filters
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import Listing
from boxship.client.calls.networks import network_list

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (
    FILTER,
    FORMAT,
    Flag("no-trunc", "", "bool", "Do not truncate the output"),
    Flag("quiet", "q", "bool", "Only display network IDs"),
)
_HEADERS = {
    "CreatedAt": "CREATED AT",
    "Driver": "DRIVER",
    "ID": "NETWORK ID",
    "IPv4": "IPV4",
    "IPv6": "IPV6",
    "Internal": "INTERNAL",
    "Labels": "LABELS",
    "Name": "NAME",
    "Scope": "SCOPE",
}


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the list, sorted by name."""
    text = flags.text("format") or ("" if flags.on("quiet") else cli.config.text("networksFormat"))
    networks = sorted(cli.json(network_list(read_filters(flags))), key=lambda item: item["Name"])
    rows = [
        {
            "ID": human.short_id(item["Id"], no_trunc=flags.on("no-trunc")),
            "Name": item["Name"],
            "Driver": item.get("Driver", ""),
            "Scope": item.get("Scope", ""),
            "IPv4": str(item.get("EnableIPv4", True)).lower(),
            "IPv6": str(bool(item.get("EnableIPv6"))).lower(),
            "Internal": str(bool(item.get("Internal"))).lower(),
            "Labels": human.labels(item.get("Labels")),
            "CreatedAt": item.get("Created", ""),
        }
        for item in networks
    ]
    listing = Listing(_HEADERS, ("ID", "Name", "Driver", "Scope"), "ID")
    cli.write(listing.render(rows, text, quiet=flags.on("quiet")))
    return 0
