"""What a network driver can do."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from boxship.engine.networks.firewall import Element
from boxship.engine.networks.network import Network, NetworkSpec, Route
from boxship.engine.networks.ports import Binding
from boxship.engine.networks.sandbox import Endpoint, PortSpec, PublishedPort
from boxship.linux.netns import NetworkNamespace


class NetworkDriver(Protocol):
    """One way of connecting containers.

    The service decides names, addresses and order, and stores them before it calls; a driver makes
    them real. Every verb may be repeated: after a crash the service simply asks again.
    """

    name: str
    scope: str
    """``local``, or ``swarm`` for networks that several hosts share."""
    addressed: bool
    """Whether its networks have subnets and its endpoints addresses."""
    publishes: bool
    """Whether the host can publish ports of its endpoints."""
    avoids_host_subnets: bool
    """Whether its subnets may not be ones that the host has a route to."""
    own_mac: bool
    """Whether its endpoints have MAC addresses of their own."""

    def new_network_id(self) -> str:
        """Return an id for a new network."""

    def check(self, spec: NetworkSpec) -> None:
        """Raise InvalidParameterError for options that cannot be."""

    async def create(self, network: Network) -> None:
        """Make the network exist on this host."""

    async def remove(self, network: Network) -> None:
        """Take away what ``create`` made."""

    async def join(self, network: Network, endpoint: Endpoint, namespace: NetworkNamespace) -> None:
        """Make ``endpoint.interface`` exist inside the namespace, connected but without addresses.

        After a failure the service calls ``leave``.
        """

    async def leave(self, network: Network, endpoint: Endpoint, namespace: Path | None) -> None:
        """Take the interface away; it may take the kernel a while.

        ``namespace`` is the pin of the one that it is in, where there is one.
        """

    def route(self, network: Network) -> Route:
        """Return how the network's containers get out."""

    def binding(self, network: Network) -> Binding:
        """Return where the host binds the ports that the network's containers publish."""

    def port_elements(
        self,
        network: Network,
        endpoint: Endpoint,
        wanted: Iterable[PortSpec],
        published: Iterable[PublishedPort],
    ) -> Iterable[Element]:
        """Return what an endpoint's ports need in the packet filter.

        ``wanted`` are those that were asked for, ``published`` those that the host has bound.
        """

    def elements(self, network: Network) -> Iterable[Element]:
        """Return what the network needs in the packet filter."""
