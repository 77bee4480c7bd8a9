"""The inside of a container's namespace: addresses and default routes of its interfaces."""

import ipaddress
from collections.abc import Sequence
from contextlib import suppress

from boxship.engine.networks.planning import gateway_endpoint
from boxship.engine.networks.sandbox import Endpoint
from boxship.linux.netlink.address import add_address
from boxship.linux.netlink.link import LinkSettings, set_link
from boxship.linux.netlink.message import Request
from boxship.linux.netlink.route import set_default_device, set_default_route
from boxship.linux.netns import NetworkNamespace, inside
from boxship.linux.sysctl import write_sysctl


def prepare_namespace() -> None:
    """Set what every container's namespace starts with; runs inside the new namespace.

    Interfaces have no IPv6 until a network gives them some. Ports below 1024 and ping need no
    capability, as in Docker (``net.ipv4.ip_unprivileged_port_start``, ``ping_group_range``).
    """
    with suppress(OSError):
        write_sysctl("net/ipv6/conf/default/disable_ipv6", "1")
    write_sysctl("net/ipv4/ip_unprivileged_port_start", "0")
    write_sysctl("net/ipv4/ping_group_range", "0 2147483647")


def configure(namespace: NetworkNamespace, endpoint: Endpoint, all_of: Sequence[Endpoint]) -> None:
    """Bring an endpoint's interface up with its addresses, and set the default routes [blocking].

    ``all_of`` are all endpoints of the container, this one included. Raises NetlinkError.
    """
    index = namespace.routes.link_index(endpoint.interface)
    if endpoint.ipv6:
        with inside(namespace.fd):
            write_sysctl(f"net/ipv6/conf/{endpoint.interface}/accept_ra", "0")
            write_sysctl(f"net/ipv6/conf/{endpoint.interface}/disable_ipv6", "0")
    if endpoint.sysctls:
        with inside(namespace.fd):
            _set_sysctls(endpoint)
    requests = [set_link(LinkSettings(up=True), index)]
    for address, prefix in (
        (endpoint.ipv4, endpoint.ipv4_prefix),
        (endpoint.ipv6, endpoint.ipv6_prefix),
    ):
        if address:
            requests.append(add_address(index, ipaddress.ip_interface(f"{address}/{prefix}")))
    for text in endpoint.link_local_ips:
        prefix = 64 if ":" in text else 16
        requests.append(add_address(index, ipaddress.ip_interface(f"{text}/{prefix}")))
    namespace.routes.request(requests + _default_routes(namespace, all_of))


def _set_sysctls(endpoint: Endpoint) -> None:
    for name, value in endpoint.sysctls:
        path = "/".join(endpoint.interface if w == "IFNAME" else w for w in name.split("."))
        try:
            write_sysctl(path, value)
        except OSError as error:
            raise OSError(error.errno, f"cannot set {name} = {value}: {error.strerror}") from error


def set_default_routes(namespace: NetworkNamespace, endpoints: Sequence[Endpoint]) -> None:
    """Point the default routes at the gateway of the endpoints that are left [blocking]."""
    requests = _default_routes(namespace, endpoints)
    if requests:
        namespace.routes.request(requests)


def _default_routes(namespace: NetworkNamespace, endpoints: Sequence[Endpoint]) -> list[Request]:
    chosen = gateway_endpoint(endpoints)
    if chosen is None:
        return []
    index = namespace.routes.link_index(chosen.interface)
    if chosen.device_route:
        families = [(4, chosen.ipv4), (6, chosen.ipv6)]
        return [set_default_device(version, index) for version, address in families if address]
    gateways = [gateway for gateway in (chosen.gateway, chosen.gateway_v6) if gateway]
    return [set_default_route(ipaddress.ip_address(gateway), index) for gateway in gateways]
