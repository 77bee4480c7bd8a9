"""Networks: what one is, and what one may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from boxship.errors import InvalidParameterError
from boxship.units import natural

DEFAULT_NETWORK = "bridge"
PREDEFINED = ("bridge", "host", "none")

OPTION_BRIDGE_NAME = "com.docker.network.bridge.name"
OPTION_ICC = "com.docker.network.bridge.enable_icc"
OPTION_MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
OPTION_HOST_BINDING = "com.docker.network.bridge.host_binding_ipv4"
OPTION_DEFAULT_BRIDGE = "com.docker.network.bridge.default_bridge"
OPTION_MTU = "com.docker.network.driver.mtu"
OPTION_INHIBIT_IPV4 = "com.docker.network.bridge.inhibit_ipv4"
OPTION_TRUSTED = "com.docker.network.bridge.trusted_host_interfaces"
OPTION_GATEWAY_MODES = {
    4: "com.docker.network.bridge.gateway_mode_ipv4",
    6: "com.docker.network.bridge.gateway_mode_ipv6",
}
OPTION_INTERFACE_PREFIX = "com.docker.network.container_iface_prefix"
ENDPOINT_SYSCTLS = "com.docker.network.endpoint.sysctls"
ENDPOINT_INTERFACE = "com.docker.network.endpoint.ifname"

_MTU_RANGE = range(68, 65536)


class Route(Enum):
    """How the containers of a network get out of it."""

    NONE = "none"
    GATEWAY = "gateway"
    """By the address of the network's gateway."""
    DEVICE = "device"
    """Straight out of the interface, without a gateway."""


class GatewayMode(Enum):
    """How a bridge network is joined to the outside, for each family (Docker's words)."""

    NAT = "nat"
    """Published ports are translated; containers go out by the host's address."""
    UNPROTECTED = "nat-unprotected"
    """Likewise, but every port is open to whoever routes to the subnet."""
    ROUTED = "routed"
    """Nothing is translated: published ports are open at the container's own address."""
    ISOLATED = "isolated"
    """The host has no address on the network either; internal networks only."""


def check_mtu(options: Mapping[str, str]) -> None:
    """Raise InvalidParameterError when the MTU among a network's options cannot be."""
    mtu = options.get(OPTION_MTU)
    if mtu is not None and natural(mtu) not in _MTU_RANGE:
        raise InvalidParameterError(f"invalid MTU {mtu!r}: it must be between 68 and 65535")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A subnet of a network (Docker's IPAMConfig)."""

    subnet: str = ""
    """CIDR; empty in a request: chosen from the default pools."""
    ip_range: str = ""
    """CIDR inside the subnet from which containers get addresses; empty: all of it."""
    gateway: str = ""
    """Address without prefix; empty in a request: the first one."""
    aux_addresses: Mapping[str, str] = field(default_factory=dict)
    """Name → address that no container may get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """What a network is to be."""

    name: str
    driver: str = "bridge"
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    ipv4: bool = True
    ipv6: bool = False
    pools: tuple[Pool, ...] = ()
    ipam_driver: str = "default"
    ipam_options: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    config_only: bool = False
    """It only holds a configuration that other networks are made from."""
    config_from: str = ""
    """Name of the network whose configuration this one takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network that exists."""

    id: str
    name: str
    driver: str
    scope: str
    created_at_ns: int
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    ipv4: bool = True
    ipv6: bool = False
    pools: tuple[Pool, ...] = ()
    ipam_driver: str = "default"
    ipam_options: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    config_only: bool = False
    config_from: str = ""

    def gateway_mode(self, version: int) -> GatewayMode:
        """Return the mode for IPv4 or IPv6."""
        return GatewayMode(self.options.get(OPTION_GATEWAY_MODES[version]) or "nat")

    @property
    def predefined(self) -> bool:
        """Whether it is one of the three that always exist."""
        return self.name in PREDEFINED

    def enabled(self, option: str, default: bool = True) -> bool:
        """Read a boolean driver option."""
        value = self.options.get(option)
        return default if value is None else value.lower() in ("true", "1", "t")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A container's endpoint as the network sees it."""

    container_id: str
    container_name: str
    endpoint_id: str
    mac_address: str
    ipv4: str
    """Address with prefix, or empty."""
    ipv6: str
