"""Links: veth pairs, bridges, macvlans, and what can be set on any of them.

Source: linux/if_link.h, linux/veth.h; attribute numbers are part of the kernel's stable interface.
"""

import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from boxship.linux.netlink.message import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    Request,
    attribute,
    nested,
    parse_attributes,
    parse_text,
    text,
    u8,
    u16,
    u32,
)
from boxship.linux.netlink.socket import NetlinkError, RouteSocket

RTM_NEWLINK = 16
RTM_DELLINK = 17
RTM_GETLINK = 18
RTM_SETLINK = 19

_INFO = struct.Struct("=BBHiII")
"""family, pad, type, index, flags, change mask"""
_IFF_UP = 0x1

_IFLA_ADDRESS = 1
_IFLA_IFNAME = 3
_IFLA_MTU = 4
_IFLA_LINK = 5
_IFLA_MASTER = 10
_IFLA_LINKINFO = 18
_IFLA_IFALIAS = 20
_IFLA_AF_SPEC = 26
_IFLA_NET_NS_FD = 28
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
_IFLA_INFO_SLAVE_DATA = 5
_IFLA_INFO_SLAVE_KIND = 4
_VETH_INFO_PEER = 1
_IFLA_BRPORT_MODE = 4
_IFLA_BRPORT_ISOLATED = 33
_IFLA_MACVLAN_MODE = 1
_IFLA_IPVLAN_MODE = 1
_IFLA_IPVLAN_FLAGS = 2
_IFLA_VLAN_ID = 1
_IFLA_INET6_ADDR_GEN_MODE = 8
_IN6_ADDR_GEN_MODE_NONE = 1
_AF_INET6 = 10

MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
IPVLAN_FLAGS = {"bridge": 0, "private": 1, "vepa": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link as the kernel lists it."""

    index: int
    name: str
    kind: str
    """``veth``, ``bridge`` … ; empty for hardware and loopback."""
    up: bool
    mac: str
    mtu: int
    master: int
    """Index of the bridge it is a port of, else 0."""
    alias: str
    """Free text; whoever creates a link may sign it here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """What to set on a link when it is created or changed; None leaves a value alone."""

    name: str | None = None
    up: bool | None = None
    mac: str | None = None
    mtu: int | None = None
    master: int | None = None
    """Index of a bridge; 0 takes the link out."""
    alias: str | None = None
    netns_fd: int | None = None
    """Moves the link into this namespace."""
    link_local_v6: bool = True
    """False: the kernel gives it no fe80:: address. Only for a link that exists already."""

    def encode(self, index: int = 0) -> bytes:
        """Return the body of a link request."""
        flags, change = (_IFF_UP if self.up else 0), (_IFF_UP if self.up is not None else 0)
        parts = [_INFO.pack(0, 0, 0, index, flags, change)]
        if self.name is not None:
            parts.append(text(_IFLA_IFNAME, self.name))
        if self.mac is not None:
            parts.append(attribute(_IFLA_ADDRESS, parse_mac(self.mac)))
        if self.alias is not None:
            parts.append(attribute(_IFLA_IFALIAS, self.alias.encode()))
        numbers = (
            (_IFLA_MTU, self.mtu),
            (_IFLA_MASTER, self.master),
            (_IFLA_NET_NS_FD, self.netns_fd),
        )
        parts += [u32(kind, value) for kind, value in numbers if value is not None]
        if not self.link_local_v6:
            mode = u8(_IFLA_INET6_ADDR_GEN_MODE, _IN6_ADDR_GEN_MODE_NONE)
            parts.append(nested(_IFLA_AF_SPEC, nested(_AF_INET6, mode)))
        return b"".join(parts)


def parse_mac(mac: str) -> bytes:
    """Return the six bytes of ``02:42:ac:11:00:02``. Raises ValueError for anything else."""
    raw = bytes.fromhex(mac.replace(":", "").replace("-", ""))
    if len(raw) != 6:
        raise ValueError(f"invalid MAC address {mac!r}")
    return raw


def _create(kind: str, settings: LinkSettings, *extra: bytes, data: bytes = b"") -> Request:
    info = [text(_IFLA_INFO_KIND, kind)]
    if data:
        info.append(nested(_IFLA_INFO_DATA, data))
    body = settings.encode() + b"".join(extra) + nested(_IFLA_LINKINFO, *info)
    return Request(
        RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, f"create {kind} link {settings.name}"
    )


def create_veth(settings: LinkSettings, peer: LinkSettings) -> Request:
    """Create both ends of a pair; the peer may be born in another namespace."""
    return _create("veth", settings, data=nested(_VETH_INFO_PEER, peer.encode()))


def create_bridge(settings: LinkSettings) -> Request:
    """Create a bridge."""
    return _create("bridge", settings)


def create_macvlan(settings: LinkSettings, parent: int, mode: str) -> Request:
    """Create a macvlan link on the link with index ``parent``; modes in MACVLAN_MODES."""
    data = u32(_IFLA_MACVLAN_MODE, MACVLAN_MODES[mode])
    return _create("macvlan", settings, u32(_IFLA_LINK, parent), data=data)


def create_ipvlan(settings: LinkSettings, parent: int, mode: str, flag: str) -> Request:
    """Create an ipvlan link on a parent; IPVLAN_MODES and IPVLAN_FLAGS are those of all on it."""
    data = u16(_IFLA_IPVLAN_MODE, IPVLAN_MODES[mode]) + u16(_IFLA_IPVLAN_FLAGS, IPVLAN_FLAGS[flag])
    return _create("ipvlan", settings, u32(_IFLA_LINK, parent), data=data)


def create_vlan(settings: LinkSettings, parent: int, tag: int) -> Request:
    """Create the sub-interface of ``parent`` for frames of one VLAN, 1 to 4094 (802.1Q)."""
    return _create("vlan", settings, u32(_IFLA_LINK, parent), data=u16(_IFLA_VLAN_ID, tag))


def create_dummy(settings: LinkSettings) -> Request:
    """Create a link that leads nowhere."""
    return _create("dummy", settings)


def kernel_has_kind(routes: RouteSocket, kind: str) -> bool:
    """Tell whether the kernel has links of a kind that need a parent: macvlan, ipvlan, vlan.

    Asks for one without a parent, which the kernel refuses, but in other words where it does not
    know the kind. Loads the module, where there is one.
    """
    try:
        routes.request([_create(kind, LinkSettings())])
    except NetlinkError as error:
        return error.errno != errno.EOPNOTSUPP
    return True


def set_link(settings: LinkSettings, index: int = 0) -> Request:
    """Change the link with this index, or by ``settings.name`` where the index is not known."""
    what = f"set up link {index or settings.name}"
    return Request(RTM_NEWLINK, 0, settings.encode(index), what)


def set_bridge_port(settings: LinkSettings, *, hairpin: bool, isolated: bool) -> Request:
    """Change a bridge's port, by its name, and how the bridge treats it (bridge(8)).

    ``hairpin`` lets a frame leave by the port it came from; ``isolated`` keeps it from being
    exchanged with other isolated ports.
    """
    info = nested(
        _IFLA_LINKINFO,
        text(_IFLA_INFO_SLAVE_KIND, "bridge"),
        nested(
            _IFLA_INFO_SLAVE_DATA,
            u8(_IFLA_BRPORT_MODE, hairpin),
            u8(_IFLA_BRPORT_ISOLATED, isolated),
        ),
    )
    return Request(RTM_NEWLINK, 0, settings.encode() + info, f"set up port {settings.name}")


def delete_link(index: int) -> Request:
    """Delete a link; of a veth pair, both ends. The kernel takes some 30 ms for a veth."""
    return Request(RTM_DELLINK, 0, LinkSettings().encode(index), f"delete link {index}")


def list_links(routes: RouteSocket) -> Iterator[Link]:
    """Yield all links of the namespace."""
    for message in routes.dump(RTM_GETLINK, LinkSettings().encode()):
        _family, _pad, _type, index, flags, _change = _INFO.unpack_from(message.body)
        found = parse_attributes(message.body[_INFO.size :])
        info = parse_attributes(found.get(_IFLA_LINKINFO, b""))
        yield Link(
            index=index,
            name=parse_text(found.get(_IFLA_IFNAME, b"")),
            kind=parse_text(info.get(_IFLA_INFO_KIND, b"")),
            up=bool(flags & _IFF_UP),
            mac=found.get(_IFLA_ADDRESS, b"").hex(":"),
            mtu=_number(found, _IFLA_MTU),
            master=_number(found, _IFLA_MASTER),
            alias=parse_text(found.get(_IFLA_IFALIAS, b"")),
        )


def _number(found: dict[int, bytes], kind: int) -> int:
    return int.from_bytes(found.get(kind, b""), "little")
