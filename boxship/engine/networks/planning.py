"""Deciding what a container gets: endpoints, addresses and ports. Nothing here touches a link."""

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from boxship.engine.networks.context import NetworkContext
from boxship.engine.networks.ipam import Interface, mac_from_ipv4, parse_address, parse_subnet
from boxship.engine.networks.network import (
    DEFAULT_NETWORK,
    ENDPOINT_INTERFACE,
    ENDPOINT_SYSCTLS,
    OPTION_DEFAULT_BRIDGE,
    OPTION_INTERFACE_PREFIX,
    Network,
    Route,
)
from boxship.engine.networks.ports import PortReserver, Reservation
from boxship.engine.networks.sandbox import Endpoint, EndpointSpec, SandboxSpec
from boxship.errors import ForbiddenError, InternalError, InvalidParameterError
from boxship.ids import new_id, short_id
from boxship.linux.netlink.link import parse_mac

_DEFAULT_GATEWAY_KEYS = {4: "DefaultGatewayIPv4", 6: "DefaultGatewayIPv6"}
_INTERFACE_NAME = re.compile(r"[^\s/:]{1,15}")
# The stock client writes driver options of --network in lower case, placeholder and all.
_SYSCTL = re.compile(r"(net\.(?:ipv4|ipv6|mpls)\.(?:conf|neigh|input)\.)IFNAME(\.[a-z0-9_]+)", re.I)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a container is to get. Its addresses are taken and its ports bound."""

    endpoints: tuple[Endpoint, ...]
    reservations: tuple[Reservation, ...] = ()


class Planner:
    """Makes plans; takes addresses and ports while it does, and gives them back on failure."""

    def __init__(self, context: NetworkContext, reserver: PortReserver) -> None:
        self._context = context
        self._reserver = reserver

    def plan(self, spec: SandboxSpec) -> Plan:
        """Decide all endpoints and ports of a container. Raises with Docker's words."""
        endpoints: list[Endpoint] = []
        try:
            for wanted in spec.endpoints:
                endpoints.append(self.endpoint(spec, wanted, endpoints))
            return Plan(tuple(endpoints), self.reserve(spec, endpoints))
        except BaseException:
            for endpoint in endpoints:
                self.release(endpoint)
            raise

    def endpoint(
        self, spec: SandboxSpec, wanted: EndpointSpec, present: Sequence[Endpoint]
    ) -> Endpoint:
        """Decide one endpoint, beside those that the container has already."""
        name = DEFAULT_NETWORK if wanted.network == "default" else wanted.network
        network = self._context.find(name)
        if network.config_only:
            raise ForbiddenError(
                f"network {network.name} is a configuration network: containers cannot be on it"
            )
        _check(network, wanted)
        driver = self._context.driver_of(network)
        if wanted.mac_address and not driver.own_mac:
            raise InvalidParameterError(
                f"{driver.name} interfaces do not support custom mac address assignment"
            )
        if any(endpoint.network_id == network.id for endpoint in present):
            raise ForbiddenError(
                f"endpoint with name {spec.container_name} already exists in network {network.name}"
            )
        ipv4, ipv6 = self._addresses(network, wanted)
        route = driver.route(network)
        names = (spec.container_name, *wanted.aliases, short_id(spec.container_id), spec.hostname)
        return Endpoint(
            network_id=network.id,
            network_name=network.name,
            endpoint_id=new_id(),
            ipv4=str(ipv4.ip) if ipv4 else "",
            ipv4_prefix=ipv4.network.prefixlen if ipv4 else 0,
            gateway=_gateway(network, ipv4, route),
            ipv6=str(ipv6.ip) if ipv6 else "",
            ipv6_prefix=ipv6.network.prefixlen if ipv6 else 0,
            gateway_v6=_gateway(network, ipv6, route),
            mac_address=_mac(wanted, ipv4) if driver.own_mac else "",
            aliases=wanted.aliases,
            dns_names=() if network.predefined else tuple(dict.fromkeys(filter(None, names))),
            links=wanted.links,
            driver_opts=wanted.driver_opts,
            sysctls=endpoint_sysctls(wanted.driver_opts.get(ENDPOINT_SYSCTLS, "")),
            gateway_priority=wanted.gateway_priority,
            interface=_interface(network, wanted, present),
            link_local_ips=wanted.link_local_ips,
            device_route=route is Route.DEVICE,
            publishes=driver.publishes,
            host_link=f"veth{os.urandom(4).hex()[:7]}",
        )

    def unaddressed(self, network_name: str) -> Endpoint:
        """Return the endpoint of a container on ``host`` or ``none``."""
        network = self._context.find(network_name)
        return Endpoint(network_id=network.id, network_name=network.name, endpoint_id=new_id())

    def release(self, endpoint: Endpoint) -> None:
        """Give an endpoint's addresses back."""
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address:
                self._context.book.release(endpoint.network_id, address)

    def take(self, endpoint: Endpoint) -> None:
        """Note the addresses of a stored endpoint."""
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address:
                self._context.book.take(endpoint.network_id, address)

    def _addresses(
        self, network: Network, wanted: EndpointSpec
    ) -> tuple[Interface | None, Interface | None]:
        book = self._context.book
        ipv4 = book.allocate(network, 4, wanted.ipv4) if network.ipv4 else None
        try:
            ipv6 = book.allocate(network, 6, wanted.ipv6) if network.ipv6 else None
        except BaseException:
            if ipv4 is not None:
                book.release(network.id, str(ipv4.ip))
            raise
        return ipv4, ipv6

    def reserve(self, spec: SandboxSpec, endpoints: Sequence[Endpoint]) -> tuple[Reservation, ...]:
        """Bind the ports that a container asks for; none while it has no way to the outside."""
        gateway = publishing_endpoint(endpoints)
        if not spec.ports or gateway is None:
            return ()
        network = self._context.networks[gateway.network_id]
        binding = self._context.driver_of(network).binding(network)
        holders = self._port_holders()
        try:
            return tuple(self._reserver.reserve(spec.ports, gateway, holders, binding))
        except InternalError as error:
            raise InternalError(
                "driver failed programming external connectivity on endpoint "
                f"{spec.container_name} ({gateway.endpoint_id}): {error}"
            ) from error

    def _port_holders(self) -> dict[tuple[str, int], str]:
        return {
            (port.protocol, port.host_port): stored.spec.container_name
            for stored in self._context.sandboxes.values()
            for port in stored.sandbox.ports
        }


def endpoint_sysctls(text: str) -> tuple[tuple[str, str], ...]:
    """Read ``net.ipv4.conf.IFNAME.log_martians=1,…``: names, with ``IFNAME``, and values.

    Raises InvalidParameterError.
    """
    pairs = [item.partition("=") for item in text.split(",") if item]
    for name, equals, _ in pairs:
        if not equals or not _SYSCTL.fullmatch(name):
            raise InvalidParameterError(
                f"unrecognised sysctl {name!r} in {ENDPOINT_SYSCTLS}: it must be "
                "net.X.Y.IFNAME.Z=VALUE, with the word IFNAME where the interface's name goes"
            )
    return tuple((_SYSCTL.sub(r"\1IFNAME\2", name), value) for name, _, value in pairs)


def gateway_endpoint(endpoints: Sequence[Endpoint]) -> Endpoint | None:
    """Return the endpoint by which a container reaches the outside, and is reached by its ports.

    As in Docker: the highest gateway priority, then the first name; never an internal network.
    """
    candidates = [e for e in endpoints if e.gateway or e.gateway_v6 or e.device_route]
    order = sorted(candidates, key=lambda e: (-e.gateway_priority, e.network_name))
    return order[0] if order else None


def publishing_endpoint(endpoints: Sequence[Endpoint]) -> Endpoint | None:
    """Return the endpoint that ports are published by: the gateway's, if its driver can."""
    gateway = gateway_endpoint(endpoints)
    return gateway if gateway is not None and gateway.publishes else None


def _check(network: Network, wanted: EndpointSpec) -> None:
    default_bridge = network.enabled(OPTION_DEFAULT_BRIDGE, default=False)
    if wanted.ipv4 or wanted.ipv6:
        if network.predefined:
            raise InvalidParameterError(
                "user specified IP address is supported on user defined networks only"
            )
        for address in filter(None, (wanted.ipv4, wanted.ipv6)):
            _check_static(network, address)
    if wanted.aliases and (network.predefined or default_bridge):
        raise InvalidParameterError(
            "network-scoped alias is supported only for containers in user defined networks"
        )
    if wanted.mac_address:
        try:
            parse_mac(wanted.mac_address)
        except ValueError as error:
            raise InvalidParameterError(str(error)) from error


def _check_static(network: Network, address: str) -> None:
    wanted = parse_address(address)
    if not any(wanted in parse_subnet(pool.subnet) for pool in network.pools):
        raise InvalidParameterError(
            f"invalid endpoint settings: no configured subnet contains IP address {address}"
        )


def _gateway(network: Network, address: Interface | None, route: Route) -> str:
    """Return the gateway of the subnet that an address is in."""
    if address is None or route is not Route.GATEWAY:
        return ""
    for pool in network.pools:
        if ipaddress.ip_network(pool.subnet) == address.network:
            key = _DEFAULT_GATEWAY_KEYS[address.version]
            return pool.aux_addresses.get(key, pool.gateway)
    return ""


def _interface(network: Network, wanted: EndpointSpec, present: Sequence[Endpoint]) -> str:
    """Return the name that was asked for, or the first that is free."""
    taken = {"lo", *(endpoint.interface for endpoint in present)}
    name = wanted.driver_opts.get(ENDPOINT_INTERFACE, "")
    if name:
        if name in taken or not _INTERFACE_NAME.fullmatch(name) or name in (".", ".."):
            raise InvalidParameterError(
                f"invalid interface name {name!r} in {ENDPOINT_INTERFACE}: it must be unlike the "
                "container's others, of at most 15 characters, without spaces, / and :"
            )
        return name
    prefix = network.options.get(OPTION_INTERFACE_PREFIX) or "eth"
    return next(name for number in range(1000) if (name := f"{prefix}{number}") not in taken)


def _mac(wanted: EndpointSpec, ipv4: Interface | None) -> str:
    if wanted.mac_address:
        return wanted.mac_address.lower().replace("-", ":")
    return mac_from_ipv4(str(ipv4.ip)) if ipv4 else "02:42:" + os.urandom(4).hex(":")


def renamed(stored_spec: SandboxSpec, endpoint: Endpoint, name: str) -> Endpoint:
    """Return the endpoint of a container under its new name."""
    old = stored_spec.container_name
    names = tuple(name if known == old else known for known in endpoint.dns_names)
    return replace(endpoint, dns_names=names)
