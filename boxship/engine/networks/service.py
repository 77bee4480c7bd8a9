"""Networking of containers: the verbs that other packages call."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from boxship.engine.config import EngineConfig, NetworkConfig
from boxship.engine.events.service import EventService
from boxship.engine.networks.catalog import Catalog
from boxship.engine.networks.context import NetworkContext
from boxship.engine.networks.dns import DnsServer
from boxship.engine.networks.drivers.bridge import BridgeDriver
from boxship.engine.networks.drivers.driver import NetworkDriver
from boxship.engine.networks.drivers.sublink import IpvlanDriver, MacvlanDriver
from boxship.engine.networks.drivers.unmanaged import UnmanagedDriver
from boxship.engine.networks.explain import Explanation, explain
from boxship.engine.networks.firewall import Firewall
from boxship.engine.networks.forwardpolicy import ForwardPolicy
from boxship.engine.networks.holder import PortHolderClient
from boxship.engine.networks.host import has_ipv6
from boxship.engine.networks.interfaces import prepare_namespace
from boxship.engine.networks.joins import Joins, Tools
from boxship.engine.networks.kernel import HostKernel
from boxship.engine.networks.namefiles import NameFiles
from boxship.engine.networks.names import NameDirectory
from boxship.engine.networks.network import (
    DEFAULT_NETWORK,
    OPTION_BRIDGE_NAME,
    OPTION_DEFAULT_BRIDGE,
    OPTION_HOST_BINDING,
    OPTION_ICC,
    OPTION_MASQUERADE,
    OPTION_MTU,
    Member,
    Network,
    NetworkSpec,
)
from boxship.engine.networks.ports import PROTOCOLS, PortReserver
from boxship.engine.networks.rules import read_rules
from boxship.engine.networks.sandbox import Endpoint, EndpointSpec, Sandbox, SandboxSpec
from boxship.engine.networks.store import NetworkStore
from boxship.engine.state.database import Database
from boxship.errors import BoxshipError, ConflictError, InvalidParameterError
from boxship.ids import new_id
from boxship.linux.netlink.nftmonitor import NftMonitor
from boxship.linux.netns import NamespacePool, unpin
from boxship.linux.nftables import Nftables, NftablesError

logger = logging.getLogger(__name__)

_POOL_SIZE = 8
_BRIDGE_NAMES = ("docker0", "boxship0", *(f"boxship{number}" for number in range(1, 10)))
_HOST_ETC = Path("/etc")
_RESOLVED = Path("/run/systemd/resolve/resolv.conf")


class NetworkService:
    """All networks of one engine, and the sandboxes of its containers."""

    def __init__(
        self,
        database: Database,
        events: EventService,
        config: NetworkConfig,
        exec_root: Path,
        owner: str,
        *,
        host_etc: Path = _HOST_ETC,
    ) -> None:
        """``owner`` (the engine's id) marks links, so that engines on one host keep apart."""
        self._database = database
        self._events = events
        self._config = config
        self._exec_root = exec_root
        self._owner = owner
        self._signature = f"boxship:{owner[:12]}"
        self._host_etc = host_etc
        self._netns_dir = exec_root / "netns"

    async def open(self) -> None:
        """Make the default networks exist. Call ``restore`` before containers are attached."""
        self._netns_dir.mkdir(parents=True, exist_ok=True, mode=0o711)
        self._found_namespaces = list(self._netns_dir.iterdir())
        self._kernel = HostKernel()
        self._monitor = _open_monitor()
        self._firewall = Firewall(
            _table_name(self._exec_root),
            Nftables,
            self._monitor,
            read_rules(self._config.firewall_rules),
        )
        self._context = self._new_context()
        self._catalog = Catalog(self._context, self._firewall, self._owner)
        self._holder = PortHolderClient(self._exec_root / "portd.sock")
        await self._load_networks()
        directory = NameDirectory(self._sandboxes)
        self._tools = Tools(
            directory=directory,
            dns=DnsServer(directory),
            pool=NamespacePool(self._netns_dir, _POOL_SIZE, prepare_namespace),
            firewall=self._firewall,
            forward_policy=ForwardPolicy(self._signature, self._firewall.run),
            holder=self._holder,
            reserver=PortReserver(self._config.host_ip, ipv6=has_ipv6()),
            files=NameFiles(self._context, self._host_etc, _RESOLVED),
        )
        self._joins = Joins(self._context, self._tools)
        self._joins.load()
        loop = asyncio.get_running_loop()
        self._firewall.alarm = lambda: loop.call_soon(self._look_after_firewall)
        if self._monitor is not None:
            loop.add_reader(self._monitor, self._look_after_firewall)

    async def close(self) -> None:
        """Finish what is under way; containers keep their networking."""
        await self._joins.settle()
        await self._remove_idle_bridge()
        self._tools.dns.close()
        await asyncio.to_thread(self._tools.pool.close)
        self._holder.close()
        self._stop_listening()
        self._firewall.close()
        await self._kernel.close()

    def _stop_listening(self) -> None:
        if self._monitor is not None:
            asyncio.get_running_loop().remove_reader(self._monitor)
            self._monitor.close()

    async def _remove_idle_bridge(self) -> None:
        """Leave no default bridge on a host where nothing of ours runs; ``open`` makes it anew."""
        network = self._context.named(DEFAULT_NETWORK)
        if network is not None and not self._catalog.members(network.id):
            await self._context.driver_of(network).remove(network)

    async def attach(self, spec: SandboxSpec) -> Sandbox:
        """Give a container all it wants of networking, or nothing.

        Raises NotFoundError (network), InvalidParameterError, ForbiddenError (address in use) and
        InternalError (port in use, the kernel refused) with Docker's words.
        """
        return await self._joins.attach(spec)

    async def detach(self, container_id: str) -> None:
        """Take a container's networking away; one that has none is no error.

        Ports and rules are free at return; links and namespace go in the background.
        """
        await self._joins.detach(container_id)

    def sandbox(self, container_id: str) -> Sandbox | None:
        """Return what a container has of networking."""
        stored = self._context.sandboxes.get(container_id)
        return stored.sandbox if stored else None

    async def restore(self, live: Mapping[str, SandboxSpec]) -> None:
        """Take up the networking of living containers after a start, and remove all other.

        ``live`` are the containers whose processes run. Links, namespaces, rules and ports of
        ours that belong to none of them are orphans of a crash.
        """
        await self._joins.restore(live)
        await self._remove_orphans()

    async def rename(self, container_id: str, new_name: str) -> None:
        """Know a container by another name."""
        self._joins.rename(container_id, new_name)

    def get(self, reference: str) -> Network:
        """Find a network by name, id or beginning of an id. Raises NotFoundError."""
        return self._context.find(reference)

    async def create(self, spec: NetworkSpec) -> Network:
        """Make a network.

        Raises ConflictError (name), ForbiddenError (overlap, predefined name), NotFoundError
        (driver) and InvalidParameterError with Docker's words.
        """
        return await self._catalog.create(spec)

    async def remove(self, reference: str) -> None:
        """Remove a network. Raises ForbiddenError while containers are on it."""
        await self._catalog.remove(self.get(reference))

    async def connect(self, reference: str, container_id: str, wanted: EndpointSpec) -> Endpoint:
        """Bring a running container onto a network; ``wanted.network`` is ignored."""
        network = self.get(reference)
        return await self._joins.connect(container_id, replace(wanted, network=network.id))

    async def disconnect(self, reference: str, container_id: str) -> None:
        """Take a running container off a network."""
        await self._joins.disconnect(container_id, self.get(reference).id)

    async def prune(self, filters: Mapping[str, Sequence[str]]) -> "Sequence[str]":
        """Remove networks without running containers; return their names."""
        return await self._catalog.prune(filters)

    def plan_prune(self, filters: Mapping[str, Sequence[str]]) -> "Sequence[str]":
        """Return the names of the networks that ``prune`` would remove."""
        return [network.name for network in self._catalog.prunable(filters)]

    def containers_of(self, network_id: str) -> Sequence[Member]:
        """Return the running containers on a network."""
        return self._catalog.members(network_id)

    def explain(self, container_id: str, name: str, port: int, protocol: str) -> Explanation:
        """Say from where a running container's port is reached, and which rule says so.

        Raises InvalidParameterError, and ConflictError for a container that does not run.
        """
        if not 0 < port < 65536 or protocol not in PROTOCOLS:
            raise InvalidParameterError(f"invalid port {port}/{protocol}: write it like 53/udp")
        stored = self._context.sandboxes.get(container_id)
        if stored is not None and stored.spec.mode.startswith("container:"):
            stored = self._context.sandboxes.get(stored.spec.mode.partition(":")[2])
        if stored is None:
            raise ConflictError(f"container {name} is not running: nothing reaches it; start it")
        networks = self._context.networks
        return explain(stored, networks, port, protocol, self._firewall.admin_rules)

    async def settle(self) -> None:
        """Wait until everything that goes in the background is gone."""
        await self._joins.settle()

    def list(self, filters: Mapping[str, Sequence[str]]) -> "Sequence[Network]":
        """Return networks, oldest first. Raises InvalidParameterError for an unknown filter."""
        return self._catalog.select(filters)

    @property
    def driver_names(self) -> "Sequence[str]":
        """Return the names of the drivers that a network can have."""
        return sorted(self._context.drivers)

    def _look_after_firewall(self) -> None:
        """Repair the table when somebody has flushed the ruleset."""
        try:
            if self._firewall.look():
                self._tools.forward_policy.forget()
        except NftablesError as error:
            logger.error("the packet filter cannot be repaired: %s", error)

    def _sandboxes(self) -> Iterator[Sandbox]:
        return (stored.sandbox for stored in self._context.sandboxes.values())

    def _new_context(self) -> NetworkContext:
        networks: dict[str, Network] = {}
        sublink = (self._kernel, self._signature, networks.values)
        drivers: dict[str, NetworkDriver] = {
            "bridge": BridgeDriver(
                self._kernel,
                self._signature,
                self._config.mtu,
                ip_forward=self._config.ip_forward,
            ),
            "host": UnmanagedDriver("host"),
            "null": UnmanagedDriver("null"),
            "macvlan": MacvlanDriver(*sublink),
            "ipvlan": IpvlanDriver(*sublink),
        }
        return NetworkContext(
            database=self._database,
            events=self._events,
            config=self._config,
            store=NetworkStore(self._database),
            kernel=self._kernel,
            drivers=drivers,
            networks=networks,
        )

    async def _load_networks(self) -> None:
        context = self._context
        for network in context.store.networks():
            context.networks[network.id] = network
            context.book.add_network(network)
        for name, driver in (("host", "host"), ("none", "null")):
            if context.named(name) is None:
                await self._catalog.add(_predefined(name, driver))
        await self._open_default_bridge()
        for network in context.networks.values():
            await self._reopen(network)

    async def _reopen(self, network: Network) -> None:
        """Make a stored network real again; after a reboot its link is gone."""
        driver = self._context.driver_of(network)
        try:
            await driver.create(network)
        except (OSError, BoxshipError) as error:
            logger.error("network %s cannot be set up: %s", network.name, error)
        self._firewall.set_network(network.id, driver.elements(network))

    async def _open_default_bridge(self) -> None:
        context = self._context
        stored = context.named(DEFAULT_NETWORK)
        used = stored is not None and any(
            endpoint.network_id == stored.id
            for sandbox in context.store.sandboxes()
            for endpoint in sandbox.sandbox.endpoints
        )
        if stored is not None and used:
            return
        wanted = stored or _predefined(DEFAULT_NETWORK, "bridge")
        name = await self._choose_bridge_name(wanted)
        if stored is not None and self._still_fits(stored, name):
            return
        if stored is not None:
            context.networks.pop(stored.id)
            context.book.remove_network(stored.id)
        config = self._config
        options = {
            OPTION_BRIDGE_NAME: name,
            OPTION_DEFAULT_BRIDGE: "true",
            OPTION_ICC: str(config.icc).lower(),
            OPTION_MASQUERADE: str(config.ip_masquerade).lower(),
            OPTION_HOST_BINDING: config.host_ip,
            OPTION_MTU: str(config.mtu),
        }
        pools = tuple(await self._catalog.default_pools(ipv6=config.ipv6))
        network = replace(wanted, options=options, pools=pools, ipv6=config.ipv6)
        await self._catalog.add(network)

    def _still_fits(self, stored: Network, bridge: str) -> bool:
        config, pool = self._config, stored.pools[0]
        address = f"{pool.gateway}/{pool.subnet.partition('/')[2]}"
        return (
            stored.options[OPTION_BRIDGE_NAME] == bridge
            and stored.ipv6 == config.ipv6
            and config.bridge_ip in ("", address)
            and config.fixed_cidr == pool.ip_range
            and stored.options.get(OPTION_ICC) == str(config.icc).lower()
            and stored.options.get(OPTION_MASQUERADE) == str(config.ip_masquerade).lower()
            and stored.options.get(OPTION_MTU) == str(config.mtu)
        )

    async def _choose_bridge_name(self, network: Network) -> str:
        """Return the configured name, or the first that no other engine's link has."""
        if self._config.bridge_name:
            return self._config.bridge_name
        mine = f"{self._signature}:{network.id}"
        foreign = {link.name for link in await self._kernel.links() if link.alias != mine}
        for name in _BRIDGE_NAMES:
            if name not in foreign:
                return name
        raise ConflictError(
            f"all names for the default bridge are taken ({', '.join(_BRIDGE_NAMES)}); "
            "set one with --bridge"
        )

    async def _remove_orphans(self) -> None:
        """Delete links and namespaces of ours that no sandbox knows."""
        sandboxes = [stored.sandbox for stored in self._context.sandboxes.values()]
        links = {e.host_link for sandbox in sandboxes for e in sandbox.endpoints}
        bridges = {f"{self._signature}:{network_id}" for network_id in self._context.networks}
        orphans = [
            link.name
            for link in await self._kernel.links()
            if link.alias.startswith(self._signature)
            and link.name not in links
            and link.alias not in bridges
        ]
        await self._kernel.delete_links(orphans)
        paths = {sandbox.netns_path for sandbox in sandboxes}
        for path in self._found_namespaces:
            if str(path) not in paths:
                with suppress(OSError):
                    unpin(path)


def _open_monitor() -> NftMonitor | None:
    """Return what hears of changes of the ruleset; None where the kernel has nothing to hear."""
    try:
        return NftMonitor()
    except OSError as error:
        logger.warning("changes of the packet filter by others are not heard of: %s", error)
        return None


def _predefined(name: str, driver: str) -> Network:
    return Network(
        id=new_id(), name=name, driver=driver, scope="local", created_at_ns=time.time_ns()
    )


def _table_name(exec_root: Path) -> str:
    """Return ``boxship`` for the usual engine, a name of its own for any other on this host."""
    if exec_root == EngineConfig().exec_root:
        return "boxship"
    return f"boxship_{hashlib.sha256(str(exec_root).encode()).hexdigest()[:8]}"
