"""What the parts of the networks package share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from boxship.engine.config import NetworkConfig
from boxship.engine.events.service import EventService
from boxship.engine.networks.drivers.driver import NetworkDriver
from boxship.engine.networks.ipam import AddressBook
from boxship.engine.networks.kernel import HostKernel
from boxship.engine.networks.network import Network
from boxship.engine.networks.store import NetworkStore, StoredSandbox
from boxship.engine.state.database import Database, Transaction
from boxship.errors import InvalidParameterError, NotFoundError


@dataclass(slots=True, kw_only=True)
class NetworkContext:
    """State in memory equals the stored one; both change in the same step of the event loop."""

    database: Database
    events: EventService
    config: NetworkConfig
    store: NetworkStore
    kernel: HostKernel
    drivers: Mapping[str, NetworkDriver]
    book: AddressBook = field(default_factory=AddressBook)
    networks: dict[str, Network] = field(default_factory=dict)
    """By id."""
    sandboxes: dict[str, StoredSandbox] = field(default_factory=dict)
    """By container id."""

    def find(self, reference: str) -> Network:
        """Return a network by id, name or beginning of an id; an id wins over a name."""
        exact = self.networks.get(reference) or self.named(reference)
        if exact is not None:
            return exact
        matches = [n for n in self.networks.values() if reference and n.id.startswith(reference)]
        if len(matches) > 1:
            raise InvalidParameterError(
                f"network {reference} is ambiguous ({len(matches)} matches found based on ID "
                "prefix)"
            )
        if not matches:
            raise NotFoundError(f"network {reference} not found")
        return matches[0]

    def named(self, name: str) -> Network | None:
        """Return a network by its name."""
        return next((n for n in self.networks.values() if n.name == name), None)

    def driver_of(self, network: Network) -> NetworkDriver:
        """Return the driver of a network."""
        return self.drivers[network.driver]

    def record(
        self, tx: Transaction, network: Network, action: str, container_id: str = ""
    ) -> None:
        """Record a network event with Docker's attributes."""
        attributes = {"name": network.name, "type": network.driver}
        if container_id:
            attributes["container"] = container_id
        self.events.record(tx, "network", action, network.id, attributes)
