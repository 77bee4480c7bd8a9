"""``boxship network connect``."""

from boxship.cli.container.spec_files import pairs
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.networks import network_connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "[OPTIONS] NETWORK CONTAINER"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS = (
    Flag("alias", "", "slice", "Add network-scoped alias for the container", shown="strings"),
    Flag("driver-opt", "", "slice", "Driver options for the network", shown="strings"),
    Flag("gw-priority", "", "int", "Highest gw-priority provides the default gateway"),
    Flag("ip", "", "string", 'IPv4 address (e.g., "172.30.100.104")', shown="ip"),
    Flag("ip6", "", "string", 'IPv6 address (e.g., "2001:db8::33")', shown="ip"),
    Flag("link", "", "list", "Add link to another container"),
    Flag("link-local-ip", "", "slice", "Add a link-local address", shown="strings"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Connect a container."""
    addresses: dict[str, Any] = {
        "IPv4Address": flags.text("ip"),
        "IPv6Address": flags.text("ip6"),
        "LinkLocalIPs": flags.items("link-local-ip"),
    }
    endpoint: dict[str, Any] = {
        "IPAMConfig": {key: value for key, value in addresses.items() if value},
        "Aliases": flags.items("alias"),
        "Links": flags.items("link"),
        "DriverOpts": pairs(flags.items("driver-opt")),
        "GwPriority": flags.number("gw-priority"),
    }
    given = {key: value for key, value in endpoint.items() if value}
    cli.client.run(network_connect(args[0], args[1], given))
    return 0
