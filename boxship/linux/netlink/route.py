"""Routes of the main table (rtnetlink(7), RTM_NEWROUTE)."""

import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from boxship.linux.netlink.message import (
    NLM_F_CREATE,
    NLM_F_REPLACE,
    Request,
    attribute,
    parse_attributes,
    u32,
)
from boxship.linux.netlink.socket import RouteSocket

RTM_NEWROUTE = 24
RTM_DELROUTE = 25
RTM_GETROUTE = 26

_INFO = struct.Struct("=BBBBBBBBI")
"""family, dst length, src length, tos, table, protocol, scope, type, flags"""
_RTA_DST = 1
_RTA_OIF = 4
_RTA_GATEWAY = 5
_RT_TABLE_MAIN = 254
_RTPROT_STATIC = 4
_RTN_UNICAST = 1
_RT_SCOPE_LINK = 253

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Route:
    """A route; ``destination`` with prefix length 0 is the default route."""

    destination: Network
    gateway: Address | None
    link: int


def _body(gateway: Address, link: int) -> bytes:
    family = socket.AF_INET if gateway.version == 4 else socket.AF_INET6
    info = _INFO.pack(family, 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_STATIC, 0, _RTN_UNICAST, 0)
    return info + attribute(_RTA_GATEWAY, gateway.packed) + u32(_RTA_OIF, link)


def set_default_route(gateway: Address, link: int) -> Request:
    """Make ``gateway`` the default route, in place of another one."""
    return Request(
        RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, _body(gateway, link), f"route via {gateway}"
    )


def set_default_device(version: int, link: int) -> Request:
    """Send everything out of a link without a gateway, in place of another default route."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    scope = _RT_SCOPE_LINK if version == 4 else 0
    info = _INFO.pack(family, 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_STATIC, scope, _RTN_UNICAST, 0)
    return Request(
        RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, info + u32(_RTA_OIF, link), f"route by {link}"
    )


def delete_default_route(gateway: Address, link: int) -> Request:
    """Take the default route by this gateway away."""
    return Request(RTM_DELROUTE, 0, _body(gateway, link), f"remove route via {gateway}")


def list_routes(routes: RouteSocket) -> Iterator[Route]:
    """Yield the unicast routes of the main table, IPv4 and IPv6."""
    for family in (socket.AF_INET, socket.AF_INET6):
        body = _INFO.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        for message in routes.dump(RTM_GETROUTE, body):
            route = _parse(message.body)
            if route is not None:
                yield route


def _parse(body: bytes) -> Route | None:
    family, prefix, _src, _tos, table, _protocol, _scope, kind, _flags = _INFO.unpack_from(body)
    found = parse_attributes(body[_INFO.size :])
    if kind != _RTN_UNICAST or table != _RT_TABLE_MAIN:
        return None
    size = 4 if family == socket.AF_INET else 16
    address = ipaddress.ip_address(found.get(_RTA_DST, bytes(size)))
    gateway = found.get(_RTA_GATEWAY)
    return Route(
        destination=ipaddress.ip_network((address, prefix)),
        gateway=ipaddress.ip_address(gateway) if gateway else None,
        link=int.from_bytes(found.get(_RTA_OIF, b""), "little"),
    )
