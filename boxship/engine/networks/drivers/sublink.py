"""The macvlan and ipvlan drivers: a container's interface is a branch of one of the host's.

Frames pass the host by: no bridge, no packet filter, no published ports; whoever is on the parent's
network sees the container as a neighbour. The host itself does not (a property of the kernel).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from boxship.engine.networks.drivers.parents import (
    ensure_dead_end,
    ensure_vlan,
    find_link,
    require_kind,
    sign,
)
from boxship.engine.networks.firewall import Element
from boxship.engine.networks.kernel import HostKernel
from boxship.engine.networks.network import OPTION_MTU, Network, NetworkSpec, Route, check_mtu
from boxship.engine.networks.ports import Binding
from boxship.engine.networks.sandbox import Endpoint, PortSpec, PublishedPort
from boxship.errors import ForbiddenError, InvalidParameterError
from boxship.ids import new_id, short_id
from boxship.linux.netlink.link import (
    IPVLAN_FLAGS,
    IPVLAN_MODES,
    MACVLAN_MODES,
    LinkSettings,
    create_ipvlan,
    create_macvlan,
    delete_link,
)
from boxship.linux.netlink.message import Request
from boxship.linux.netns import NetworkNamespace, open_pinned

OPTION_PARENT = "parent"
OPTION_MACVLAN_MODE = "macvlan_mode"
OPTION_IPVLAN_MODE = "ipvlan_mode"
OPTION_IPVLAN_FLAG = "ipvlan_flag"

_PASSTHRU = "passthru"

Networks = Callable[[], Iterable[Network]]


class SublinkDriver(ABC):
    """What both drivers have in common."""

    name = ""
    scope = "local"
    addressed = True
    publishes = False
    avoids_host_subnets = False
    own_mac = True
    dead_end_prefix = ""
    """Docker's, for the name of the link that a network without a parent gets."""

    def __init__(self, kernel: HostKernel, signature: str, networks: Networks) -> None:
        """``networks`` are all of the engine: some cannot share a parent."""
        self._kernel = kernel
        self._signature = signature
        self._networks = networks

    def new_network_id(self) -> str:
        """Return a random id."""
        return new_id()

    def check(self, spec: NetworkSpec) -> None:
        """Check the driver's options and who else is on the parent."""
        self.check_modes(spec.options)
        check_mtu(spec.options)
        parent = spec.options.get(OPTION_PARENT, "")
        if parent == "lo":
            raise InvalidParameterError(
                f"loopback interface is not a valid {self.name} parent link"
            )
        for other in self._networks():
            if parent and other.options.get(OPTION_PARENT) == parent:
                self.check_neighbour(spec, other, parent)

    @abstractmethod
    def check_modes(self, options: Mapping[str, str]) -> None:
        """Raise InvalidParameterError for a mode that does not exist."""

    def check_neighbour(self, spec: NetworkSpec, other: Network, parent: str) -> None:
        """Raise ForbiddenError where two networks cannot be on one parent."""
        if other.driver != self.name:
            raise ForbiddenError(
                f"network {other.name} is already using parent interface {parent}: a link carries "
                f"{other.driver} or {self.name} interfaces, not both (wanted: {spec.name})"
            )

    def route(self, network: Network) -> Route:
        """Return how containers get out: without a parent, not at all."""
        inner = network.internal or not network.options.get(OPTION_PARENT)
        return Route.NONE if inner else Route.GATEWAY

    async def create(self, network: Network) -> None:
        """Make the parent, where it is not an interface of the host."""
        await self._kernel.run(lambda: self._ensure_parent(network))

    async def remove(self, network: Network) -> None:
        """Delete the parent if we made it and no other network stands on it."""
        name = self._parent(network)
        found = await self._kernel.run(lambda: find_link(self._kernel.routes, name))
        if found is None or found.alias != self._alias(network):
            return
        heir = next((n for n in self._networks() if self._shares(network, n)), None)
        if heir is not None:
            alias = self._alias(heir)
            await self._kernel.run(lambda: sign(self._kernel.routes, name, alias))
        else:
            await self._kernel.delete_links([name])

    async def join(self, network: Network, endpoint: Endpoint, namespace: NetworkNamespace) -> None:
        """Make the interface, born in the namespace."""
        await self._kernel.run(lambda: self._join(network, endpoint, namespace))

    async def leave(
        self,
        network: Network,
        endpoint: Endpoint,
        namespace: Path | None,
    ) -> None:
        """Delete the interface inside the namespace."""
        if namespace is not None and namespace.exists():
            await self._kernel.reap(lambda: _delete_inside(namespace, endpoint.interface))

    def binding(self, network: Network) -> Binding:
        """Return that the host binds none."""
        return Binding("", ())

    def port_elements(
        self,
        network: Network,
        endpoint: Endpoint,
        wanted: Iterable[PortSpec],
        published: Iterable[PublishedPort],
    ) -> Iterable[Element]:
        """Return nothing."""
        return ()

    def elements(self, network: Network) -> Iterable[Element]:
        """Return nothing: the packets do not pass the host's packet filter."""
        return ()

    @abstractmethod
    def sublink(self, settings: LinkSettings, parent: int, network: Network) -> Request:
        """Return the request that makes a container's interface."""

    def _join(self, network: Network, endpoint: Endpoint, namespace: NetworkNamespace) -> None:
        routes, mtu = self._kernel.routes, network.options.get(OPTION_MTU)
        parent = routes.link_index(self._parent(network)) or self._ensure_parent(network)
        settings = LinkSettings(
            name=endpoint.interface,
            mac=endpoint.mac_address or None,
            mtu=int(mtu) if mtu else None,
            netns_fd=namespace.fd,
        )
        routes.request([self.sublink(settings, parent, network)])

    def _ensure_parent(self, network: Network) -> int:
        routes, parent = self._kernel.routes, self._parent(network)
        require_kind(routes, self.name, self.name)
        if network.options.get(OPTION_PARENT):
            ensure_vlan(routes, parent, self._alias(network))
        else:
            ensure_dead_end(routes, parent, self._alias(network))
        return routes.link_index(parent)

    def _parent(self, network: Network) -> str:
        return network.options.get(OPTION_PARENT) or self.dead_end_prefix + short_id(network.id)

    def _shares(self, network: Network, other: Network) -> bool:
        parent = network.options.get(OPTION_PARENT)
        return (
            bool(parent) and other.id != network.id and (other.options.get(OPTION_PARENT) == parent)
        )

    def _alias(self, network: Network) -> str:
        return f"{self._signature}:{network.id}"


class MacvlanDriver(SublinkDriver):
    """Interfaces with MAC addresses of their own."""

    name = "macvlan"
    dead_end_prefix = "dm-"

    def check_modes(self, options: Mapping[str, str]) -> None:
        """Raise InvalidParameterError for a mode that does not exist."""
        mode = _macvlan_mode(options)
        if mode not in MACVLAN_MODES:
            raise InvalidParameterError(
                f"requested macvlan mode '{mode}' is not valid, 'bridge' mode is the macvlan "
                "driver default"
            )

    def check_neighbour(self, spec: NetworkSpec, other: Network, parent: str) -> None:
        """Passthru has its parent alone."""
        super().check_neighbour(spec, other, parent)
        if _macvlan_mode(spec.options) == _PASSTHRU:
            raise ForbiddenError(
                f"cannot use mode passthru, macvlan network {other.id} is already using parent "
                f"interface {parent}"
            )
        if _macvlan_mode(other.options) == _PASSTHRU:
            raise ForbiddenError(
                f"macvlan network {other.id} is already using parent interface {parent} in mode "
                "passthru"
            )

    def sublink(self, settings: LinkSettings, parent: int, network: Network) -> Request:
        """Return the request that makes a container's interface."""
        return create_macvlan(settings, parent, _macvlan_mode(network.options))


class IpvlanDriver(SublinkDriver):
    """Interfaces that share the parent's MAC address; in l3 modes they are routed to."""

    name = "ipvlan"
    own_mac = False
    dead_end_prefix = "di-"

    def check_modes(self, options: Mapping[str, str]) -> None:
        """Raise InvalidParameterError for a mode or flag that does not exist."""
        mode, flag = _ipvlan_mode(options), _ipvlan_flag(options)
        if mode not in IPVLAN_MODES:
            raise InvalidParameterError(
                f"requested ipvlan mode '{mode}' is not valid, 'l2' mode is the ipvlan driver "
                "default"
            )
        if flag not in IPVLAN_FLAGS:
            raise InvalidParameterError(
                f"requested ipvlan flag '{flag}' is not valid, 'bridge' is the ipvlan driver "
                "default"
            )

    def check_neighbour(self, spec: NetworkSpec, other: Network, parent: str) -> None:
        """The kernel keeps mode and flag with the parent: a second network would change them."""
        super().check_neighbour(spec, other, parent)
        raise ForbiddenError(
            f"network {self.dead_end_prefix}{short_id(other.id)} is already using parent "
            f"interface {parent}"
        )

    def route(self, network: Network) -> Route:
        """In l3 modes there is no neighbour to ask: everything goes out by the interface."""
        route = super().route(network)
        layer3 = _ipvlan_mode(network.options) != "l2"
        return Route.DEVICE if route is Route.GATEWAY and layer3 else route

    def sublink(self, settings: LinkSettings, parent: int, network: Network) -> Request:
        """Return the request that makes a container's interface."""
        options = network.options
        return create_ipvlan(settings, parent, _ipvlan_mode(options), _ipvlan_flag(options))


def _macvlan_mode(options: Mapping[str, str]) -> str:
    return options.get(OPTION_MACVLAN_MODE) or "bridge"


def _ipvlan_mode(options: Mapping[str, str]) -> str:
    return options.get(OPTION_IPVLAN_MODE) or "l2"


def _ipvlan_flag(options: Mapping[str, str]) -> str:
    return options.get(OPTION_IPVLAN_FLAG) or "bridge"


def _delete_inside(path: Path, interface: str) -> None:
    namespace = open_pinned(path)
    try:
        index = namespace.routes.link_index(interface)
        if index:
            namespace.routes.request([delete_link(index)])
    finally:
        namespace.close()
