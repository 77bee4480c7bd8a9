"""The host's links that macvlan and ipvlan networks stand on.

An interface of the host, its VLAN sub-interface ``eth0.100``, or a link that leads nowhere. What is
made here is signed with the network's alias, and only what carries such a signature is deleted.
"""

import errno
import re
from dataclasses import dataclass

from boxship.errors import InvalidParameterError, NotSupportedError
from boxship.linux.netlink.link import (
    Link,
    LinkSettings,
    create_dummy,
    create_veth,
    create_vlan,
    kernel_has_kind,
    list_links,
    set_link,
)
from boxship.linux.netlink.socket import NetlinkError, RouteSocket

_VLAN = re.compile(r"(?P<link>[^.]+)\.(?P<tag>[0-9]+)")
_TAGS = range(1, 4095)


@dataclass(frozen=True, slots=True)
class VlanName:
    """A sub-interface's name in its parts: ``eth0.100``."""

    link: str
    tag: int


def parse_vlan(parent: str) -> VlanName:
    """Read a sub-interface's name. Raises InvalidParameterError with Docker's words."""
    found = _VLAN.fullmatch(parent)
    if found is None:
        raise InvalidParameterError(
            f"invalid subinterface vlan name {parent}, example formatting is eth0.10: the parent "
            f"interface {parent} was not found on the host, and it cannot be made"
        )
    tag = int(found["tag"])
    if tag not in _TAGS:
        raise InvalidParameterError(f"vlan id must be between 1-4094, received: {tag}")
    return VlanName(found["link"], tag)


def require_kind(routes: RouteSocket, kind: str, module: str) -> None:
    """Raise NotSupportedError, naming the module, where the kernel has no such links."""
    if not kernel_has_kind(routes, kind):
        raise NotSupportedError(
            f"this kernel has no {kind} links: load the module {module} (modprobe {module}), or "
            "use a kernel that has it"
        )


def find_link(routes: RouteSocket, name: str) -> Link | None:
    """Return a link of the host by its name."""
    if not routes.link_index(name):
        return None
    return next((link for link in list_links(routes) if link.name == name), None)


def ensure_vlan(routes: RouteSocket, parent: str, alias: str) -> None:
    """Make the sub-interface ``parent`` unless there is such a link, and bring it up if made."""
    if routes.link_index(parent):
        return
    vlan = parse_vlan(parent)
    below = routes.link_index(vlan.link)
    if not below:
        raise InvalidParameterError(f"-o parent interface was not found on the host: {vlan.link}")
    require_kind(routes, "vlan", "8021q")
    routes.request([create_vlan(LinkSettings(name=parent), below, vlan.tag)])
    _sign_and_raise(routes, parent, alias)


def ensure_dead_end(routes: RouteSocket, name: str, alias: str) -> None:
    """Make a link that leads nowhere, unless it is there."""
    if routes.link_index(name):
        return
    try:
        routes.request([create_dummy(LinkSettings(name=name))])
    except NetlinkError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        # A kernel without dummy links: a pair that is joined to nothing leads nowhere as well.
        other = f"{name[:1]}p{name[2:]}"
        routes.request([create_veth(LinkSettings(name=name), LinkSettings(name=other))])
        routes.request(
            [set_link(LinkSettings(up=True, link_local_v6=False), routes.link_index(other))]
        )
    _sign_and_raise(routes, name, alias)


def sign(routes: RouteSocket, name: str, alias: str) -> None:
    """Say that a link of ours belongs to another network now."""
    routes.request([set_link(LinkSettings(alias=alias), routes.link_index(name))])


def _sign_and_raise(routes: RouteSocket, name: str, alias: str) -> None:
    settings = LinkSettings(up=True, alias=alias, link_local_v6=False)
    routes.request([set_link(settings, routes.link_index(name))])
