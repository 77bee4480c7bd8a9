"""The bridge driver: a Linux bridge per network, a veth pair per endpoint."""

import ipaddress
from collections.abc import Iterable, Iterator
from pathlib import Path

from boxship.engine.networks.drivers.bridgeoptions import check_options
from boxship.engine.networks.firewall import Element
from boxship.engine.networks.host import bridged_frames_are_filtered, enable_forwarding
from boxship.engine.networks.kernel import HostKernel
from boxship.engine.networks.network import (
    OPTION_BRIDGE_NAME,
    OPTION_HOST_BINDING,
    OPTION_ICC,
    OPTION_INHIBIT_IPV4,
    OPTION_MASQUERADE,
    OPTION_MTU,
    OPTION_TRUSTED,
    GatewayMode,
    Network,
    NetworkSpec,
    Route,
)
from boxship.engine.networks.ports import Binding, translations
from boxship.engine.networks.sandbox import Endpoint, PortSpec, PublishedPort
from boxship.errors import ConflictError
from boxship.ids import new_id, short_id
from boxship.linux.netlink.address import add_address
from boxship.linux.netlink.link import (
    Link,
    LinkSettings,
    create_bridge,
    create_veth,
    list_links,
    set_bridge_port,
    set_link,
)
from boxship.linux.netns import NetworkNamespace
from boxship.linux.sysctl import write_sysctl

_LINK_LOCAL_GATEWAY = ipaddress.IPv6Interface("fe80::1/64")


def bridge_name(network: Network) -> str:
    """Return the name of the network's link."""
    return network.options.get(OPTION_BRIDGE_NAME) or f"br-{short_id(network.id)}"


class BridgeDriver:
    """Networks on one host, joined to the outside by routing and translation."""

    name = "bridge"
    scope = "local"
    addressed = True
    publishes = True
    avoids_host_subnets = True
    own_mac = True

    def __init__(self, kernel: HostKernel, signature: str, mtu: int, *, ip_forward: bool) -> None:
        """``signature`` is written on each link, so that orphans are known after a crash."""
        self._kernel = kernel
        self._signature = signature
        self._mtu = mtu
        self._ip_forward = ip_forward

    def new_network_id(self) -> str:
        """Return a random id."""
        return new_id()

    def check(self, spec: NetworkSpec) -> None:
        """Check the driver's options."""
        check_options(spec)

    async def create(self, network: Network) -> None:
        """Make the bridge, up and with the gateway's addresses, or bring an old one up to date.

        Raises ConflictError when the name belongs to a link that is no bridge or to another
        network of ours.
        """
        await self._kernel.run(lambda: self._ensure_bridge(network))

    async def remove(self, network: Network) -> None:
        """Delete the bridge, unless it was there before the network."""
        name = bridge_name(network)
        mine = await self._kernel.run(lambda: self._find(name))
        if mine is not None and mine.alias == self._alias(network):
            await self._kernel.delete_links([name])

    async def join(self, network: Network, endpoint: Endpoint, namespace: NetworkNamespace) -> None:
        """Make the veth pair: one end a port of the bridge, the other inside the namespace."""
        await self._kernel.run(lambda: self._join(network, endpoint, namespace))

    async def leave(
        self,
        network: Network,
        endpoint: Endpoint,
        namespace: Path | None,
    ) -> None:
        """Delete the pair."""
        await self._kernel.delete_links([endpoint.host_link])

    def route(self, network: Network) -> Route:
        """Return how containers get out: by the bridge's address, unless it is internal."""
        return Route.NONE if network.internal else Route.GATEWAY

    def elements(self, network: Network) -> Iterable[Element]:
        """Return the network's memberships: of bridges, and of what may talk to what."""
        bridge = f'"{bridge_name(network)}"'
        yield Element("bridges", bridge)
        for pool in network.pools:
            version = ipaddress.ip_network(pool.subnet).version
            yield Element(f"hairpin{version}", f"{pool.subnet} . {bridge}")
        if network.enabled(OPTION_ICC):
            yield Element("connected", f"{bridge} . {bridge}")
        if network.internal:
            yield Element("internal", bridge)
            return
        for pool in network.pools:
            version = ipaddress.ip_network(pool.subnet).version
            mode = network.gateway_mode(version)
            if mode is not GatewayMode.ROUTED and network.enabled(OPTION_MASQUERADE):
                yield Element(f"masquerade{version}", pool.subnet)
            if mode is GatewayMode.ROUTED:
                yield Element(f"pinged{version}", bridge)
            elif mode is GatewayMode.UNPROTECTED:
                yield Element(f"unprotected{version}", bridge)

    def binding(self, network: Network) -> Binding:
        """Return where the host binds published ports: nowhere for a family that is routed."""
        bound = [v for v in (4, 6) if network.gateway_mode(v) is not GatewayMode.ROUTED]
        present = [v for v, has in ((4, network.ipv4), (6, network.ipv6)) if has]
        # A family that the network has not is proxied to the other one, unless that is routed.
        versions = tuple(bound) if set(bound) & set(present) else ()
        return Binding(network.options.get(OPTION_HOST_BINDING, ""), versions)

    def port_elements(
        self,
        network: Network,
        endpoint: Endpoint,
        wanted: Iterable[PortSpec],
        published: Iterable[PublishedPort],
    ) -> Iterable[Element]:
        """Return what translates published ports, or opens them at the container's address."""
        yield from translations(published, endpoint)
        trusted = [name for name in network.options.get(OPTION_TRUSTED, "").split(":") if name]
        for port in wanted:
            for version, address in ((4, endpoint.ipv4), (6, endpoint.ipv6)):
                if not address:
                    continue
                target = f"{address} . {port.protocol} . {port.container_port}"
                if network.gateway_mode(version) is GatewayMode.ROUTED:
                    yield Element(f"routed{version}", target)
                for name in trusted:
                    yield Element(f"trusted{version}", f'"{name}" . {target}')

    def _join(self, network: Network, endpoint: Endpoint, namespace: NetworkNamespace) -> None:
        routes = self._kernel.routes
        bridge = routes.link_index(bridge_name(network)) or self._ensure_bridge(network)
        mtu = self._mtu_of(network)
        host_end = LinkSettings(name=endpoint.host_link, master=bridge, mtu=mtu)
        container_end = LinkSettings(
            name=endpoint.interface, mac=endpoint.mac_address, mtu=mtu, netns_fd=namespace.fd
        )
        up = LinkSettings(
            name=endpoint.host_link, up=True, alias=self._signature, link_local_v6=False
        )
        filtered = bridged_frames_are_filtered()
        port = set_bridge_port(
            up,
            # Where the kernel translates bridged frames too, a container that calls its own
            # published port is answered by the bridge, not by routing.
            hairpin=filtered,
            # There the packet filter sees what goes from port to port; else the bridge stops it.
            isolated=not filtered and not network.enabled(OPTION_ICC),
        )
        routes.request([create_veth(host_end, container_end), port])

    def _ensure_bridge(self, network: Network) -> int:
        name, routes = bridge_name(network), self._kernel.routes
        found = self._find(name)
        if found is None:
            # A bridge without an address of its own takes over its lowest port's, and neighbours'
            # caches go stale whenever a container leaves.
            mac = "02:42:" + bytes.fromhex(network.id)[:4].hex(":")
            settings = LinkSettings(name=name, mac=mac, mtu=self._mtu_of(network))
            routes.request([create_bridge(settings)])
        elif found.kind != "bridge" or self._is_other_network(found, network):
            raise ConflictError(
                f"cannot create network {network.name}: a link named {name} exists already and "
                "belongs to something else; choose another com.docker.network.bridge.name"
            )
        index = routes.link_index(name)
        alias = self._alias(network) if found is None else None
        up = LinkSettings(up=True, alias=alias, link_local_v6=False)
        gateways = (add_address(index, gateway) for gateway in _gateways(network))
        routes.request([set_link(up, index), *gateways])
        self._prepare_host(network, name)
        return index

    def _prepare_host(self, network: Network, name: str) -> None:
        # A port published on 127.0.0.1 is translated and leaves by the bridge; without this the
        # kernel takes the answer for a martian. The table's martians chain guards the other way.
        write_sysctl(f"net/ipv4/conf/{name}/route_localnet", "1")
        if self._ip_forward and not network.internal:
            enable_forwarding(4)
            if network.ipv6:
                enable_forwarding(6)

    def _find(self, name: str) -> Link | None:
        routes = self._kernel.routes
        if not routes.link_index(name):
            return None
        return next((link for link in list_links(routes) if link.name == name), None)

    def _is_other_network(self, link: Link, network: Network) -> bool:
        ours = link.alias.startswith("boxship:")
        return ours and link.alias != self._alias(network)

    def _alias(self, network: Network) -> str:
        return f"{self._signature}:{network.id}"

    def _mtu_of(self, network: Network) -> int:
        return int(network.options.get(OPTION_MTU, self._mtu))


def _gateways(network: Network) -> Iterator[ipaddress.IPv4Interface | ipaddress.IPv6Interface]:
    if network.ipv6 and network.gateway_mode(6) is not GatewayMode.ISOLATED:
        # Neighbours are asked from a link-local address; the kernel's own takes a second to come.
        yield _LINK_LOCAL_GATEWAY
    for pool in network.pools:
        subnet = ipaddress.ip_network(pool.subnet)
        if pool.gateway and _has_gateway(network, subnet.version):
            prefix = subnet.prefixlen
            yield ipaddress.ip_interface(f"{pool.gateway}/{prefix}")


def _has_gateway(network: Network, version: int) -> bool:
    """Tell whether the bridge has an address of this family."""
    if version == 4 and network.enabled(OPTION_INHIBIT_IPV4, default=False):
        return False
    return network.gateway_mode(version) is not GatewayMode.ISOLATED
