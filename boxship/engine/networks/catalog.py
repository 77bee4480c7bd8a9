"""The networks themselves: create, list, remove, prune, and the three that always exist."""

import ipaddress
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from boxship.engine.config import AddressPool
from boxship.engine.networks import ipam
from boxship.engine.networks.configurations import check_configuration, check_unused, resolve
from boxship.engine.networks.context import NetworkContext
from boxship.engine.networks.firewall import Firewall
from boxship.engine.networks.network import Member, Network, NetworkSpec, Pool
from boxship.errors import (
    ConflictError,
    ForbiddenError,
    InvalidParameterError,
    NotFoundError,
)
from boxship.ids import short_id
from boxship.linux.netlink.route import list_routes
from boxship.units import parse_timestamp

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_LIST_FILTERS = frozenset({"dangling", "driver", "id", "label", "name", "scope", "type"})
_PRUNE_FILTERS = frozenset({"label", "label!", "until"})

Filters = Mapping[str, Sequence[str]]


class Catalog:
    """All networks of the engine."""

    def __init__(self, context: NetworkContext, firewall: Firewall, seed: str) -> None:
        """``seed`` makes the engine's IPv6 pool its own."""
        self._context = context
        self._firewall = firewall
        self._seed = seed

    def select(self, filters: Filters) -> list[Network]:
        """Return the networks that pass all filters, oldest first."""
        _check_filters(filters, _LIST_FILTERS)
        networks = sorted(self._context.networks.values(), key=lambda n: n.created_at_ns)
        return [network for network in networks if self._passes(network, filters)]

    def members(self, network_id: str) -> list[Member]:
        """Return the containers on a network."""
        return [
            Member(
                container_id=stored.spec.container_id,
                container_name=stored.spec.container_name,
                endpoint_id=endpoint.endpoint_id,
                mac_address=endpoint.mac_address,
                ipv4=f"{endpoint.ipv4}/{endpoint.ipv4_prefix}" if endpoint.ipv4 else "",
                ipv6=f"{endpoint.ipv6}/{endpoint.ipv6_prefix}" if endpoint.ipv6 else "",
            )
            for stored in self._context.sandboxes.values()
            for endpoint in stored.sandbox.endpoints
            if endpoint.network_id == network_id
        ]

    async def create(self, spec: NetworkSpec) -> Network:
        """Make a network. Raises with Docker's words; nothing is left behind then."""
        spec = check_configuration(spec) if spec.config_only else resolve(self._context, spec)
        self._check(spec)
        driver = self._context.drivers[spec.driver]
        if not spec.config_only:
            driver.check(spec)
        host_subnets = await self._host_subnets() if driver.addressed else []
        given = host_subnets if driver.avoids_host_subnets else []
        network = Network(
            id=driver.new_network_id(),
            name=spec.name,
            driver=spec.driver,
            scope=driver.scope,
            created_at_ns=time.time_ns(),
            internal=spec.internal,
            attachable=spec.attachable,
            ingress=spec.ingress,
            ipv4=spec.ipv4,
            ipv6=spec.ipv6,
            pools=tuple(self._pools(spec, given, host_subnets)) if driver.addressed else spec.pools,
            ipam_driver=spec.ipam_driver,
            ipam_options=spec.ipam_options,
            options=spec.options,
            labels=spec.labels,
            config_only=spec.config_only,
            config_from=spec.config_from,
        )
        self._check_name_is_free(spec.name)
        return await self.add(network)

    async def add(self, network: Network) -> Network:
        """Store a decided network and make it real."""
        context = self._context
        driver = context.driver_of(network)
        with context.database.transaction() as tx:
            context.store.put_network(tx, network)
        context.networks[network.id] = network
        context.book.add_network(network)
        try:
            await driver.create(network)
            self._firewall.set_network(network.id, driver.elements(network))
        except BaseException:
            await self._undo(network)
            raise
        with context.database.transaction() as tx:
            context.record(tx, network, "create")
        return network

    async def remove(self, network: Network) -> None:
        """Remove a network that no running container is on."""
        if network.predefined:
            raise ForbiddenError(f"{network.name} is a pre-defined network and cannot be removed")
        check_unused(self._context, network)
        members = self.members(network.id)
        if members:
            endpoints = " ".join(
                f'name:"{m.container_name}" id:"{short_id(m.endpoint_id)}"' for m in members
            )
            raise ForbiddenError(
                f"error while removing network: network {network.name} has active endpoints "
                f"({endpoints})"
            )
        context = self._context
        # Gone from memory first: from here on nobody can join it.
        self._forget(network)
        self._firewall.remove_network(network.id)
        await context.driver_of(network).remove(network)
        with context.database.transaction() as tx:
            context.store.delete_network(tx, network.id)
            context.record(tx, network, "destroy")

    async def prune(self, filters: Filters) -> list[str]:
        """Remove all networks without containers; return their names."""
        found = self.prunable(filters)
        for network in found:
            await self.remove(network)
        return [network.name for network in found]

    def prunable(self, filters: Filters) -> list[Network]:
        """Return the networks that ``prune`` removes."""
        _check_filters(filters, _PRUNE_FILTERS)
        until_ns = min(
            (parse_timestamp(text, time.time_ns()) for text in filters.get("until", ())),
            default=None,
        )
        found = []
        for network in list(self._context.networks.values()):
            if network.predefined or network.config_only or self.members(network.id):
                continue
            if until_ns is not None and network.created_at_ns > until_ns:
                continue
            if not _labels_match(network, filters):
                continue
            found.append(network)
        return found

    async def default_pools(self, *, ipv6: bool) -> list[Pool]:
        """Return the default bridge's subnets, from the configuration or the free ranges."""
        config = self._context.config
        taken = await self._host_subnets()
        if config.bridge_ip:
            interface = _parse_bridge_ip(config.bridge_ip)
            pool = Pool(subnet=str(interface.network), gateway=str(interface.ip))
        else:
            pools = (*config.default_address_pools, *ipam.DEFAULT_BRIDGE_POOLS)
            pool = Pool(subnet=str(ipam.choose_subnet(pools, self._taken(taken), 4)))
        if config.default_gateway:
            pool = replace(pool, aux_addresses={"DefaultGatewayIPv4": config.default_gateway})
        found = [ipam.check_pool(replace(pool, ip_range=config.fixed_cidr), ())]
        if ipv6:
            subnet = config.fixed_cidr_v6 or str(
                ipam.choose_subnet([ipam.local_ipv6_pool(self._seed)], self._taken(taken), 6)
            )
            found.append(ipam.check_pool(Pool(subnet=subnet), ()))
        return found

    def _check(self, spec: NetworkSpec) -> None:
        if spec.name in ("bridge", "host", "none", "default"):
            raise ForbiddenError(f"operation is not permitted on predefined {spec.name} network")
        if not _NAME.fullmatch(spec.name):
            raise InvalidParameterError(
                f"invalid network name {spec.name!r}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            )
        if spec.driver not in self._context.drivers:
            raise NotFoundError(
                f"could not find plugin {spec.driver} in v1 plugin registry: no network driver of "
                f"that name; there are {', '.join(sorted(self._context.drivers))}"
            )
        if spec.ipam_driver not in ("", "default"):
            raise NotFoundError(f"could not find IPAM driver {spec.ipam_driver}: use default")
        if not spec.ipv4 and not spec.ipv6:
            raise InvalidParameterError("IPv4 or IPv6 must be enabled")
        self._check_name_is_free(spec.name)

    def _check_name_is_free(self, name: str) -> None:
        if self._context.named(name) is not None:
            raise ConflictError(f"network with name {name} already exists")

    def _pools(
        self,
        spec: NetworkSpec,
        given_avoid: list[tuple[str, ipam.Subnet]],
        chosen_avoid: list[tuple[str, ipam.Subnet]],
    ) -> Iterator[Pool]:
        """Yield the subnets that were given, and choose one of each family that is missing."""
        taken = [*self._named_subnets(), *given_avoid]
        for pool in spec.pools:
            if pool.subnet:
                checked = ipam.check_pool(pool, taken)
                taken.append(("this network", ipam.parse_subnet(checked.subnet)))
                yield checked
        taken += chosen_avoid
        given = {ipam.parse_subnet(pool.subnet).version for pool in spec.pools if pool.subnet}
        config = self._context.config
        if spec.ipv4 and 4 not in given:
            pools = config.default_address_pools or ipam.DEFAULT_POOLS
            yield self._chosen(spec, pools, taken, 4)
        if spec.ipv6 and 6 not in given:
            pools = (*config.default_address_pools, ipam.local_ipv6_pool(self._seed))
            yield self._chosen(spec, pools, taken, 6)

    def _chosen(
        self,
        spec: NetworkSpec,
        pools: Sequence[AddressPool],
        taken: Iterable[tuple[str, ipam.Subnet]],
        version: int,
    ) -> Pool:
        if version == 4 and any(pool.gateway and not pool.subnet for pool in spec.pools):
            raise InvalidParameterError("a gateway needs a subnet: give --subnet too")
        subnet = ipam.choose_subnet(pools, list(taken), version)
        return ipam.check_pool(Pool(subnet=str(subnet)), ())

    def _named_subnets(self) -> list[tuple[str, ipam.Subnet]]:
        return [
            (f"network {network.name}", ipam.parse_subnet(pool.subnet))
            for network in self._context.networks.values()
            for pool in network.pools
            if not network.config_only
        ]

    def _taken(self, host: list[tuple[str, ipam.Subnet]]) -> list[tuple[str, ipam.Subnet]]:
        return [*self._named_subnets(), *host]

    async def _host_subnets(self) -> list[tuple[str, ipam.Subnet]]:
        kernel = self._context.kernel
        routes = await kernel.run(lambda: list(list_routes(kernel.routes)))
        return [
            (f"the host's route to {route.destination}", route.destination)
            for route in routes
            if route.destination.prefixlen and not route.destination.is_link_local
        ]

    async def _undo(self, network: Network) -> None:
        self._forget(network)
        self._firewall.remove_network(network.id)
        await self._context.driver_of(network).remove(network)
        with self._context.database.transaction() as tx:
            self._context.store.delete_network(tx, network.id)

    def _forget(self, network: Network) -> None:
        self._context.networks.pop(network.id, None)
        self._context.book.remove_network(network.id)

    def _passes(self, network: Network, filters: Filters) -> bool:
        tests: dict[str, Callable[[str], bool]] = {
            "driver": lambda value: network.driver == value,
            "id": lambda value: value in network.id,
            "name": lambda value: value in network.name,
            "scope": lambda value: network.scope == value,
            "type": lambda value: network.predefined == _is_builtin(value),
            "dangling": lambda value: self._is_dangling(network) == _is_true(value),
        }
        for key, values in filters.items():
            if key == "label":
                if not _labels_match(network, {"label": values}):
                    return False
            elif values and not any(tests[key](value) for value in values):
                return False
        return True

    def _is_dangling(self, network: Network) -> bool:
        return not network.predefined and not self.members(network.id)


def _check_filters(filters: Filters, known: frozenset[str]) -> None:
    unknown = sorted(set(filters) - known)
    if unknown:
        raise InvalidParameterError(f"invalid filter '{unknown[0]}'")


def _is_builtin(value: str) -> bool:
    if value not in ("builtin", "custom"):
        raise InvalidParameterError(f"invalid filter: 'type'='{value}'")
    return value == "builtin"


def _is_true(value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0"):
        raise InvalidParameterError(f"invalid value for 'dangling' filter: {value!r}")
    return value.lower() in ("true", "1")


def _labels_match(network: Network, filters: Filters) -> bool:
    wanted = all(_has_label(network, text) for text in filters.get("label", ()))
    unwanted = any(_has_label(network, text) for text in filters.get("label!", ()))
    return wanted and not unwanted


def _has_label(network: Network, text: str) -> bool:
    key, equals, value = text.partition("=")
    return key in network.labels and (not equals or network.labels[key] == value)


def _parse_bridge_ip(text: str) -> ipaddress.IPv4Interface:
    try:
        return ipaddress.IPv4Interface(text)
    except ValueError as error:
        raise InvalidParameterError(
            f"invalid bridge address {text!r}: {error}; write it like 172.17.0.1/16"
        ) from error
