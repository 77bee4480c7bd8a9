"""The networks that need nothing done: ``host`` (the host's own stack) and ``none`` (loopback)."""

from collections.abc import Iterable
from pathlib import Path

from boxship.engine.networks.firewall import Element
from boxship.engine.networks.network import Network, NetworkSpec, Route
from boxship.engine.networks.ports import Binding
from boxship.engine.networks.sandbox import Endpoint, PortSpec, PublishedPort
from boxship.errors import ForbiddenError
from boxship.ids import new_id
from boxship.linux.netns import NetworkNamespace


class UnmanagedDriver:
    """Both drivers; they differ only in the namespace that the service gives the container."""

    scope = "local"
    addressed = False
    publishes = False
    avoids_host_subnets = True
    own_mac = False

    def __init__(self, name: str) -> None:
        """``name`` is ``host`` or ``null``."""
        self.name = name

    def new_network_id(self) -> str:
        """Return a random id."""
        return new_id()

    def check(self, spec: NetworkSpec) -> None:
        """Refuse: there is one network of each kind, and it exists already."""
        raise ForbiddenError(f'only one instance of "{self.name}" network is allowed: {spec.name}')

    async def create(self, network: Network) -> None:
        """Do nothing."""

    async def remove(self, network: Network) -> None:
        """Do nothing."""

    async def join(self, network: Network, endpoint: Endpoint, namespace: NetworkNamespace) -> None:
        """Do nothing."""

    async def leave(self, network: Network, endpoint: Endpoint, namespace: Path | None) -> None:
        """Do nothing."""

    def route(self, network: Network) -> Route:
        """Return that no route is set."""
        return Route.NONE

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
        """Return nothing."""
        return ()
