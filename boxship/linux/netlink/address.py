"""Addresses of links (rtnetlink(7), RTM_NEWADDR)."""

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
)
from boxship.linux.netlink.socket import RouteSocket

RTM_NEWADDR = 20
RTM_DELADDR = 21
RTM_GETADDR = 22

_INFO = struct.Struct("=BBBBi")
"""family, prefix length, flags, scope, link index"""
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_BROADCAST = 4
_IFA_F_NODAD = 0x02

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@dataclass(frozen=True, slots=True)
class Address:
    """An address on a link."""

    link: int
    interface: Interface


def _body(link: int, interface: Interface) -> bytes:
    packed = interface.ip.packed
    prefix = interface.network.prefixlen
    if interface.version == 6:
        # Without duplicate detection: the address is usable at once, and we alone hand it out.
        info = _INFO.pack(socket.AF_INET6, prefix, _IFA_F_NODAD, 0, link)
        return info + attribute(_IFA_LOCAL, packed)
    info = _INFO.pack(socket.AF_INET, prefix, 0, 0, link)
    body = info + attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)
    if prefix < 31:
        body += attribute(_IFA_BROADCAST, interface.network.broadcast_address.packed)
    return body


def add_address(link: int, interface: Interface) -> Request:
    """Give a link an address; having it already is no error."""
    return Request(
        RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, _body(link, interface), f"add {interface}"
    )


def delete_address(link: int, interface: Interface) -> Request:
    """Take an address off a link."""
    return Request(RTM_DELADDR, 0, _body(link, interface), f"remove {interface}")


def list_addresses(routes: RouteSocket) -> Iterator[Address]:
    """Yield the addresses of all links of the namespace, IPv4 and IPv6."""
    for message in routes.dump(RTM_GETADDR, _INFO.pack(0, 0, 0, 0, 0)):
        _family, prefix, _flags, _scope, link = _INFO.unpack_from(message.body)
        found = parse_attributes(message.body[_INFO.size :])
        packed = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS, b"")
        if len(packed) in (4, 16):
            address = ipaddress.ip_address(packed)
            yield Address(link, ipaddress.ip_interface((address, prefix)))
