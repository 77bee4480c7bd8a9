"""``boxship network create``."""

from boxship.cli.container.spec_files import pairs
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.networks import network_create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

USAGE = "[OPTIONS] NETWORK"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    Flag("attachable", "", "bool", "Enable manual container attachment"),
    Flag("aux-address", "", "list", "Auxiliary addresses used by the network driver", shown="map"),
    Flag("config-from", "", "string", "The network from which to copy the configuration"),
    Flag("config-only", "", "bool", "Create a configuration only network"),
    Flag("driver", "d", "string", "Driver to manage the network", default="bridge"),
    Flag("gateway", "", "slice", "IPv4 or IPv6 gateway for the master subnet", shown="strings"),
    Flag("ingress", "", "bool", "Create swarm routing-mesh network"),
    Flag("internal", "", "bool", "Restrict external access to the network"),
    Flag("ip-range", "", "slice", "Allocate container ip from a sub-range", shown="strings"),
    Flag("ipam-driver", "", "string", "IP address management driver", default="default"),
    Flag("ipam-opt", "", "list", "Set IPAM driver specific options", shown="map"),
    Flag("ipv4", "", "bool", "Enable or disable IPv4 address assignment", default=True),
    Flag("ipv6", "", "bool", "Enable or disable IPv6 address assignment"),
    Flag("label", "", "list", "Set metadata on a network"),
    Flag("opt", "o", "list", "Set driver specific options", shown="map"),
    Flag("scope", "", "string", "Control the network's scope"),
    Flag("subnet", "", "slice", "Subnet in CIDR format of a network segment", shown="strings"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Create a network and print its id."""
    created = cli.json(network_create(_body(flags, args[0])))
    if created.get("Warning"):
        cli.warn(f"WARNING: {created['Warning']}")
    cli.print(created["Id"])
    return 0


def _body(flags: Flags, name: str) -> "Json":
    body: Json = {
        "Name": name,
        "Driver": flags.text("driver"),
        "Options": pairs(flags.items("opt")),
        "IPAM": {
            "Driver": flags.text("ipam-driver"),
            "Config": _pools(flags),
            "Options": pairs(flags.items("ipam-opt")),
        },
        "Internal": flags.on("internal"),
        "Attachable": flags.on("attachable"),
        "Ingress": flags.on("ingress"),
        "Scope": flags.text("scope"),
        "ConfigOnly": flags.on("config-only"),
        "Labels": pairs(flags.items("label")),
    }
    if flags.text("config-from"):
        body["ConfigFrom"] = {"Network": flags.text("config-from")}
    for key, flag in (("EnableIPv4", "ipv4"), ("EnableIPv6", "ipv6")):
        if flags.changed(flag):
            body[key] = flags.on(flag)
    return body


def _pools(flags: Flags) -> list["Json"]:
    """Subnets with the range, gateway and auxiliary addresses that lie in each."""
    import ipaddress

    pools: list[tuple[Any, Json]] = []
    for text in flags.items("subnet"):
        network = _parsed(ipaddress.ip_network, text, strict=False)
        if any(network.overlaps(other) for other, _ in pools if other.version == network.version):
            raise CliError("multiple overlapping subnet configuration is not supported")
        pools.append((network, {"Subnet": text}))

    def pool_of(address: "Any", what: str, text: str) -> "Json":
        for network, pool in pools:
            if address.version == network.version and address in network:
                return pool
        raise CliError(f"no matching subnet for {what} {text}")

    for text in flags.items("ip-range"):
        first = _parsed(ipaddress.ip_network, text, strict=False).network_address
        _set_once(pool_of(first, "range", text), "IPRange", text)
    for text in flags.items("gateway"):
        address = _parsed(ipaddress.ip_address, text)
        _set_once(pool_of(address, "gateway", text), "Gateway", text)
    for name, text in pairs(flags.items("aux-address")).items():
        pool = pool_of(_parsed(ipaddress.ip_address, text), "aux-address", text)
        pool.setdefault("AuxiliaryAddresses", {})[name] = text
    return [pool for _, pool in pools]


def _parsed(parse: "Any", text: str, **options: bool) -> "Any":
    try:
        return parse(text, **options)
    except ValueError as error:
        raise CliError(f"invalid address or subnet: {error}") from error


def _set_once(pool: "Json", key: str, text: str) -> None:
    if key in pool:
        raise CliError(f"cannot configure multiple {key} on the same subnet ({pool['Subnet']})")
    pool[key] = text
