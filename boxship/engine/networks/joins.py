"""Bringing containers onto networks and off again.

The order is the same everywhere: decide (planning), store what was decided, act, and on failure
undo. A stored sandbox whose container does not live is therefore all that a crash can leave, and
:meth:`Joins.restore` undoes it.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from boxship.engine.networks import ports
from boxship.engine.networks.context import NetworkContext
from boxship.engine.networks.dns import DnsServer, open_sockets
from boxship.engine.networks.drivers.bridge import bridge_name
from boxship.engine.networks.firewall import Element, Firewall
from boxship.engine.networks.forwardpolicy import ForwardPolicy, is_docker_bridge
from boxship.engine.networks.holder import HeldPort, PortHolderClient
from boxship.engine.networks.interfaces import configure, set_default_routes
from boxship.engine.networks.namefiles import NameFiles
from boxship.engine.networks.names import NameDirectory
from boxship.engine.networks.planning import (
    Plan,
    Planner,
    gateway_endpoint,
    publishing_endpoint,
    renamed,
)
from boxship.engine.networks.ports import PortReserver, Reservation, port_key
from boxship.engine.networks.sandbox import (
    Endpoint,
    EndpointSpec,
    PublishedPort,
    Sandbox,
    SandboxSpec,
)
from boxship.engine.networks.store import StoredSandbox
from boxship.errors import BoxshipError, ConflictError, ForbiddenError, InternalError
from boxship.linux.netlink.conntrack import UDP, forget_flows
from boxship.linux.netns import NamespacePool, NetworkNamespace, open_pinned, unpin
from boxship.linux.nftables import NftablesError

logger = logging.getLogger(__name__)

_FOREIGN = "foreign"
"""Key of the other engines' bridges among the networks' elements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What joins are carried out with."""

    pool: NamespacePool
    firewall: Firewall
    forward_policy: ForwardPolicy
    holder: PortHolderClient
    reserver: PortReserver
    files: NameFiles
    directory: NameDirectory
    dns: DnsServer


class Joins:
    """Attaches and detaches containers."""

    def __init__(self, context: NetworkContext, tools: Tools) -> None:
        self._context = context
        self._tools = tools
        self._planner = Planner(context, tools.reserver)
        self._leaving: dict[asyncio.Task[None], set[tuple[str, str]]] = {}

    async def attach(self, spec: SandboxSpec) -> Sandbox:
        """Give a container all it wants of networking, or nothing (see NetworkService.attach)."""
        await self.detach(spec.container_id)
        if spec.mode.startswith("container:"):
            return self._share(spec)
        await self._wait_for_addresses(spec.endpoints)
        plan = await self._plan(spec)
        stored, namespace = self._decide(spec, plan)
        try:
            self._remember(stored)
            await self._realize(stored, namespace, plan.reservations)
        except BaseException as error:
            ports.release(plan.reservations)
            await self.detach(spec.container_id, joined=False)
            if isinstance(error, (OSError, NftablesError)):
                raise _failure(spec, error) from error
            raise
        finally:
            if namespace is not None:
                namespace.close()
        self._record(stored, "connect")
        return stored.sandbox

    async def detach(self, container_id: str, *, joined: bool = True) -> None:
        """Take everything away: rules and ports at once, links and namespace in the background."""
        stored = self._context.sandboxes.get(container_id)
        if stored is None:
            return
        with suppress(NftablesError):
            self._tools.firewall.remove_container(container_id)
        self._tools.dns.stop(container_id)
        await self._tools.holder.release([port_key(container_id, p) for p in stored.sandbox.ports])
        if joined:
            self._record(stored, "disconnect")
        with self._context.database.transaction() as tx:
            self._context.store.delete_sandbox(tx, container_id)
        self._context.sandboxes.pop(container_id, None)
        self._tools.directory.invalidate()
        self._leave(stored.sandbox.endpoints, _pin_of(stored.sandbox), stored)
        if not self._tools.firewall.needed:
            await self._tools.forward_policy.withdraw()

    async def connect(self, container_id: str, wanted: EndpointSpec) -> Endpoint:
        """Bring a running container onto one more network."""
        stored = self._sandbox_of_networks(container_id)
        await self._wait_for_addresses([wanted])
        endpoint = self._planner.endpoint(stored.spec, wanted, stored.sandbox.endpoints)
        endpoints = (*stored.sandbox.endpoints, endpoint)
        reservations: Sequence[Reservation] = ()
        try:
            if not stored.sandbox.ports:
                reservations = self._planner.reserve(stored.spec, endpoints)
            changed = _changed(stored, endpoints, reservations)
            self._remember(changed)
            with _namespace_of(stored.sandbox) as namespace:
                await self._join(endpoint, namespace, endpoints)
                await self._serve_names(changed, namespace)
            await self._publish(changed)
            await self._hold(changed, reservations)
            await self._aim(changed)
            self._tools.files.write(changed.spec, changed.sandbox)
        except BaseException as error:
            ports.release(reservations)
            await self._drop(stored, endpoint)
            if isinstance(error, (OSError, NftablesError)):
                raise _failure(stored.spec, error) from error
            raise
        self._record_one(endpoint, container_id, "connect")
        return endpoint

    async def disconnect(self, container_id: str, network_id: str) -> None:
        """Take a running container off a network."""
        stored = self._sandbox_of_networks(container_id)
        leaving = [e for e in stored.sandbox.endpoints if e.network_id == network_id]
        if not leaving:
            name = self._context.networks[network_id].name
            raise ForbiddenError(
                f"container {stored.spec.container_name} is not connected to network {name}"
            )
        left = tuple(e for e in stored.sandbox.endpoints if e.network_id != network_id)
        await self._drop(_changed(stored, left), leaving[0])
        self._record_one(leaving[0], container_id, "disconnect")

    def rename(self, container_id: str, name: str) -> None:
        """Know a container by another name."""
        stored = self._context.sandboxes.get(container_id)
        if stored is not None:
            endpoints = tuple(renamed(stored.spec, e, name) for e in stored.sandbox.endpoints)
            spec = replace(stored.spec, container_name=name)
            sandbox = replace(stored.sandbox, endpoints=endpoints)
            self._remember(StoredSandbox(spec=spec, sandbox=sandbox))

    def load(self) -> None:
        """Read the stored sandboxes: from now on their addresses are taken."""
        for stored in self._context.store.sandboxes():
            self._context.sandboxes[stored.spec.container_id] = stored
            for endpoint in stored.sandbox.endpoints:
                self._planner.take(endpoint)

    async def restore(self, live: Mapping[str, SandboxSpec]) -> None:
        """Undo what a crash left half done and put back what living containers need."""
        for container_id in list(self._context.sandboxes):
            if container_id not in live:
                await self.detach(container_id)
        self._rebuild_firewall()
        await self._tools.forward_policy.withdraw_leftovers()
        await self._accept_forwarding()
        await self._restore_ports()
        await self._restore_names()

    async def settle(self) -> None:
        """Wait until all links and namespaces on their way out are gone."""
        while self._leaving:
            await asyncio.wait(self._leaving)

    def _share(self, spec: SandboxSpec) -> Sandbox:
        """Let a container use another one's namespace and name files."""
        other = self._context.sandboxes.get(spec.mode.partition(":")[2])
        if other is None:
            raise ConflictError(
                f"cannot join network of a non running container: {spec.mode.partition(':')[2]}"
            )
        sandbox = Sandbox(
            container_id=spec.container_id,
            netns_path=other.sandbox.netns_path,
            files_dir=other.sandbox.files_dir,
        )
        self._remember(StoredSandbox(spec=spec, sandbox=sandbox))
        return sandbox

    async def _plan(self, spec: SandboxSpec) -> Plan:
        if spec.mode in ("host", "none"):
            return Plan((self._planner.unaddressed(spec.mode),))
        try:
            return self._planner.plan(spec)
        except InternalError:
            # Addresses of containers that just ended come back when their links are gone.
            if not self._leaving:
                raise
            await self.settle()
            return self._planner.plan(spec)

    def _decide(
        self, spec: SandboxSpec, plan: Plan
    ) -> tuple[StoredSandbox, NetworkNamespace | None]:
        namespace = None
        try:
            namespace = None if spec.mode == "host" else self._tools.pool.take()
        except OSError as error:
            ports.release(plan.reservations)
            for endpoint in plan.endpoints:
                self._planner.release(endpoint)
            raise _failure(spec, error) from error
        sandbox = Sandbox(
            container_id=spec.container_id,
            netns_path=str(namespace.path) if namespace else "",
            files_dir=str(spec.files_dir),
            endpoints=plan.endpoints,
            ports=tuple(reservation.published for reservation in plan.reservations),
        )
        return StoredSandbox(spec=spec, sandbox=sandbox), namespace

    async def _realize(
        self,
        stored: StoredSandbox,
        namespace: NetworkNamespace | None,
        reservations: Sequence[Reservation],
    ) -> None:
        endpoints = stored.sandbox.endpoints
        if namespace is None or stored.spec.mode == "none":
            self._tools.files.write(stored.spec, stored.sandbox)
            return
        joining = asyncio.create_task(self._join_all(endpoints, namespace))
        try:
            # The kernel works in its thread; meanwhile there is time for the files.
            await asyncio.sleep(0)
            self._tools.files.write(stored.spec, stored.sandbox)
        finally:
            await joining
        await self._serve_names(stored, namespace)
        await self._publish(stored)
        await self._hold(stored, reservations)

    async def _join_all(self, endpoints: Sequence[Endpoint], namespace: NetworkNamespace) -> None:
        for endpoint in endpoints:
            await self._join(endpoint, namespace, endpoints)

    async def _join(
        self, endpoint: Endpoint, namespace: NetworkNamespace, all_of: Sequence[Endpoint]
    ) -> None:
        network = self._context.find(endpoint.network_id)
        await self._context.driver_of(network).join(network, endpoint, namespace)
        present = all_of[: all_of.index(endpoint) + 1]
        await self._context.kernel.run(lambda: configure(namespace, endpoint, present))

    async def _serve_names(self, stored: StoredSandbox, namespace: NetworkNamespace) -> None:
        """Answer the container's name queries, if it is on a network with names."""
        container_id = stored.spec.container_id
        if not _has_names(stored.sandbox) or self._tools.dns.serves(container_id):
            return
        sockets = await self._context.kernel.run(
            lambda: open_sockets(namespace, self._context.kernel.defer)
        )
        outside = gateway_endpoint(stored.sandbox.endpoints) is not None
        self._tools.dns.start(
            container_id,
            sockets,
            lambda: self._context.sandboxes[container_id].sandbox,
            self._tools.files.upstream(stored.spec) if outside else (),
        )

    async def _publish(self, stored: StoredSandbox) -> None:
        self._tools.firewall.set_container(stored.spec.container_id, self._elements(stored))
        await self._accept_forwarding()

    async def _accept_forwarding(self) -> None:
        if self._tools.firewall.needed:
            networks = self._context.networks.values()
            bridges = {bridge_name(n) for n in networks if n.driver == "bridge"}
            if await self._tools.forward_policy.accept(bridges):
                await self._keep_from_other_engines(bridges)

    async def _keep_from_other_engines(self, ours: set[str]) -> None:
        """Keep our containers from those that only the policy guarded from the outside."""
        links = await self._context.kernel.links()
        foreign = {link.name for link in links if is_docker_bridge(link.name)} - ours
        elements = [Element("foreign", f'"{name}"') for name in foreign]
        self._tools.firewall.set_network(_FOREIGN, elements)

    async def _hold(self, stored: StoredSandbox, reservations: Sequence[Reservation]) -> None:
        if reservations:
            held = [_held_port(stored, r.published, r) for r in reservations]
            await self._tools.holder.hold(held)

    async def _aim(self, stored: StoredSandbox) -> None:
        """Tell the port holder where the container is reached now."""
        address = _target_address(stored)
        if address and stored.sandbox.ports:
            container_id = stored.spec.container_id
            targets = {
                port_key(container_id, port): (address, port.container_port)
                for port in stored.sandbox.ports
            }
            await self._tools.holder.aim(targets)

    async def _drop(self, stored: StoredSandbox, endpoint: Endpoint) -> None:
        """Go on without an endpoint; ``stored`` is the sandbox as it is then."""
        self._remember(stored)
        if not _has_names(stored.sandbox):
            self._tools.dns.stop(stored.spec.container_id)
        with suppress(NftablesError):
            self._tools.firewall.set_container(stored.spec.container_id, self._elements(stored))
        await self._aim(stored)
        task = self._leave([endpoint], _pin_of(stored.sandbox), None)
        await asyncio.wait([task])
        with suppress(OSError), _namespace_of(stored.sandbox) as namespace:
            endpoints = stored.sandbox.endpoints
            await self._context.kernel.run(lambda: set_default_routes(namespace, endpoints))
        self._tools.files.write(stored.spec, stored.sandbox)

    def _leave(
        self, endpoints: Sequence[Endpoint], namespace: Path | None, whole: StoredSandbox | None
    ) -> asyncio.Task[None]:
        """Delete links, and with ``whole`` the namespace, in the background.

        The addresses stay taken until the old links are silent.
        """
        task = asyncio.create_task(self._finish_leaving(endpoints, namespace, whole))
        self._leaving[task] = {
            (e.network_id, address) for e in endpoints for address in (e.ipv4, e.ipv6) if address
        }
        task.add_done_callback(self._leaving.pop)
        return task

    async def _finish_leaving(
        self, endpoints: Sequence[Endpoint], namespace: Path | None, whole: StoredSandbox | None
    ) -> None:
        if whole is not None and any(p.protocol == "udp" for p in whole.sandbox.ports):
            await self._forget_udp_flows(endpoints)
        for endpoint in endpoints:
            network = self._context.networks.get(endpoint.network_id)
            if network is not None:
                try:
                    await self._context.driver_of(network).leave(network, endpoint, namespace)
                except OSError as error:
                    logger.warning("link %s cannot be deleted: %s", endpoint.host_link, error)
            self._planner.release(endpoint)
        if whole is not None and not whole.spec.mode.startswith("container:"):
            path = whole.sandbox.netns_path
            if path:
                await self._context.kernel.reap(lambda: unpin(Path(path)))

    async def _forget_udp_flows(self, endpoints: Sequence[Endpoint]) -> None:
        """Let clients that never stop sending be translated to the port's next owner."""
        for endpoint in endpoints:
            for address in filter(None, (endpoint.ipv4, endpoint.ipv6)):
                with suppress(OSError):
                    await self._context.kernel.reap(partial(forget_flows, address, UDP))

    async def _wait_for_addresses(self, wanted: Sequence[EndpointSpec]) -> None:
        """Wait for addresses asked for by number that a leaving container still has."""
        static = {address for spec in wanted for address in (spec.ipv4, spec.ipv6) if address}
        for task, addresses in list(self._leaving.items()):
            if any(address in static for _, address in addresses):
                await asyncio.wait([task])

    def _sandbox_of_networks(self, container_id: str) -> StoredSandbox:
        stored = self._context.sandboxes.get(container_id)
        if stored is None or stored.spec.mode != "networks":
            mode = "not running" if stored is None else f"in network mode {stored.spec.mode}"
            raise ConflictError(
                f"container {container_id} is {mode}: it cannot be connected to or disconnected "
                "from a network"
            )
        return stored

    def _remember(self, stored: StoredSandbox) -> None:
        with self._context.database.transaction() as tx:
            self._context.store.put_sandbox(tx, stored)
        self._context.sandboxes[stored.spec.container_id] = stored
        self._tools.directory.invalidate()

    def _record(self, stored: StoredSandbox, action: str) -> None:
        with self._context.database.transaction() as tx:
            for endpoint in stored.sandbox.endpoints:
                network = self._context.networks.get(endpoint.network_id)
                if network is not None:
                    self._context.record(tx, network, action, stored.spec.container_id)

    def _record_one(self, endpoint: Endpoint, container_id: str, action: str) -> None:
        with self._context.database.transaction() as tx:
            network = self._context.find(endpoint.network_id)
            self._context.record(tx, network, action, container_id)

    def _elements(self, stored: StoredSandbox) -> list[Element]:
        gateway = publishing_endpoint(stored.sandbox.endpoints)
        if gateway is None:
            return []
        network = self._context.networks[gateway.network_id]
        driver = self._context.driver_of(network)
        ports = driver.port_elements(network, gateway, stored.spec.ports, stored.sandbox.ports)
        return list(ports)

    def _rebuild_firewall(self) -> None:
        context = self._context
        networks = {n.id: context.driver_of(n).elements(n) for n in context.networks.values()}
        joined = {
            container_id: self._elements(stored)
            for container_id, stored in context.sandboxes.items()
            if stored.spec.mode == "networks"
        }
        self._tools.firewall.rebuild(networks, joined)

    async def _restore_names(self) -> None:
        for stored in list(self._context.sandboxes.values()):
            if stored.spec.mode != "networks" or not _has_names(stored.sandbox):
                continue
            try:
                with _namespace_of(stored.sandbox) as namespace:
                    await self._serve_names(stored, namespace)
            except (OSError, NftablesError) as error:
                name = stored.spec.container_name
                logger.warning("names cannot be served to container %s: %s", name, error)

    async def _restore_ports(self) -> None:
        """Make the port holder hold exactly the ports of living containers."""
        wanted = {
            port_key(container_id, port): (stored, port)
            for container_id, stored in self._context.sandboxes.items()
            for port in stored.sandbox.ports
        }
        held = await self._tools.holder.held()
        await self._tools.holder.release(sorted(held - wanted.keys()))
        missing = []
        for key in sorted(wanted.keys() - held):
            stored, port = wanted[key]
            try:
                reservation = self._tools.reserver.rebind(port)
            except OSError as error:
                logger.warning("port %d cannot be reserved again: %s", port.host_port, error)
                continue
            missing.append(_held_port(stored, port, reservation))
        if missing:
            await self._tools.holder.hold(missing)


@contextmanager
def _namespace_of(sandbox: Sandbox) -> Iterator[NetworkNamespace]:
    namespace = open_pinned(Path(sandbox.netns_path))
    try:
        yield namespace
    finally:
        namespace.close()


def _pin_of(sandbox: Sandbox) -> Path | None:
    return Path(sandbox.netns_path) if sandbox.netns_path else None


def _has_names(sandbox: Sandbox) -> bool:
    return any(endpoint.dns_names for endpoint in sandbox.endpoints)


def _target_address(stored: StoredSandbox) -> str:
    gateway = publishing_endpoint(stored.sandbox.endpoints)
    return "" if gateway is None else gateway.ipv4 or gateway.ipv6


def _changed(
    stored: StoredSandbox, endpoints: tuple[Endpoint, ...], new: Sequence[Reservation] = ()
) -> StoredSandbox:
    """Return the sandbox with other endpoints, and with ports that are published by them."""
    published = (*stored.sandbox.ports, *(reservation.published for reservation in new))
    sandbox = replace(stored.sandbox, endpoints=endpoints, ports=published)
    return StoredSandbox(spec=stored.spec, sandbox=sandbox)


def _held_port(stored: StoredSandbox, port: PublishedPort, reservation: Reservation) -> HeldPort:
    return HeldPort(
        key=port_key(stored.spec.container_id, port),
        protocol=port.protocol,
        socket=reservation.socket,
        address=_target_address(stored),
        port=port.container_port,
    )


def _failure(spec: SandboxSpec, error: Exception) -> BoxshipError:
    return InternalError(f"failed to set up container networking of {spec.container_name}: {error}")
