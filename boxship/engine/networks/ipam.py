"""Address management: subnets for networks, addresses for containers.

What is taken is derived from the stored networks and sandboxes; this module only keeps it at hand.
"""

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from boxship.engine.config import AddressPool
from boxship.engine.networks.network import Network, Pool
from boxship.errors import ForbiddenError, InternalError, InvalidParameterError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network
Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

DEFAULT_BRIDGE_POOLS = tuple(
    AddressPool(base=f"172.{second}.0.0/16", size=16) for second in range(17, 32)
)
DEFAULT_POOLS = (
    AddressPool(base="172.18.0.0/15", size=24),
    AddressPool(base="172.20.0.0/14", size=24),
    AddressPool(base="172.24.0.0/13", size=24),
    AddressPool(base="192.168.0.0/16", size=24),
)
"""Docker's ranges, but cut smaller: room for four thousand networks instead of thirty."""


_NAMED = 5
"""How many of those who have the pools' addresses an error names."""


def local_ipv6_pool(seed: str) -> AddressPool:
    """Return a unique local /48 (RFC 4193) that stays the same for the same seed."""
    global_id = hashlib.sha256(seed.encode()).digest()[:5]
    base = ipaddress.IPv6Address(b"\xfd" + global_id + bytes(10))
    return AddressPool(base=f"{base}/48", size=64)


def choose_subnet(
    pools: Sequence[AddressPool], taken: Sequence[tuple[str, Subnet]], version: int
) -> Subnet:
    """Return the first subnet of the pools that overlaps nothing taken.

    ``taken`` are subnets and whose they are. Raises InternalError when the pools are used up, as
    Docker does, and names what is in the way.
    """
    occupied = sorted(
        (int(net.network_address), int(net.broadcast_address))
        for _, net in taken
        if net.version == version and net.prefixlen
    )
    for pool in pools:
        base = ipaddress.ip_network(pool.base)
        if base.version != version:
            continue
        start = _first_gap(base, 1 << (base.max_prefixlen - pool.size), occupied)
        if start is not None:
            return _network(start, pool.size, version)
    raise InternalError(
        "all predefined address pools have been fully subnetted; remove networks that are not "
        "needed, give --subnet, or set default-address-pools" + _in_the_way(pools, taken, version)
    )


def _in_the_way(
    pools: Sequence[AddressPool], taken: Sequence[tuple[str, Subnet]], version: int
) -> str:
    """Say who has the pools' addresses; the widest first, and not all of hundreds."""
    bases = [ipaddress.ip_network(pool.base) for pool in pools]
    found = {
        who: net.prefixlen
        for who, net in taken
        if net.version == version and net.prefixlen
        if any(base.version == version and net.overlaps(base) for base in bases)
    }
    names = sorted(found, key=lambda who: found[who])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" (in the way: {', '.join(names[:_NAMED])}{more})" if names else ""


def _network(number: int, prefix: int, version: int) -> Subnet:
    if version == 4:
        return ipaddress.IPv4Network((number, prefix))
    return ipaddress.IPv6Network((number, prefix))


def _first_gap(base: Subnet, size: int, occupied: Sequence[tuple[int, int]]) -> int | None:
    """Return the first multiple of ``size`` in ``base`` where a block fits; in one pass."""
    candidate, last = int(base.network_address), int(base.broadcast_address)
    for low, high in occupied:
        if high < candidate:
            continue
        if low > candidate + size - 1:
            break
        candidate = (high // size + 1) * size
    return candidate if candidate + size - 1 <= last else None


def check_pool(pool: Pool, taken: Iterable[tuple[str, Subnet]]) -> Pool:
    """Check a subnet that the user gave and fill in its gateway.

    ``taken`` are names and subnets of other networks. Raises InvalidParameterError for nonsense,
    ForbiddenError for an overlap.
    """
    subnet = parse_subnet(pool.subnet)
    for name, other in taken:
        if subnet.version == other.version and subnet.overlaps(other):
            raise ForbiddenError(
                "invalid pool request: Pool overlaps with other one on this address space: "
                f"{subnet} and {other} of {name}"
            )
    if pool.ip_range and not _contains(subnet, parse_subnet(pool.ip_range)):
        raise InvalidParameterError(
            f"invalid ip-range {pool.ip_range}: it is not inside the subnet {subnet}"
        )
    inside = [("gateway", pool.gateway)] if pool.gateway else []
    inside += [(f"auxiliary address {name}", text) for name, text in pool.aux_addresses.items()]
    for what, text in inside:
        if parse_address(text) not in subnet:
            raise InvalidParameterError(f"invalid {what} {text}: it is not inside {subnet}")
    gateway = pool.gateway or str(_first_host(pool, subnet))
    return Pool(
        subnet=str(subnet),
        ip_range=pool.ip_range,
        gateway=gateway,
        aux_addresses=pool.aux_addresses,
    )


def parse_subnet(text: str) -> Subnet:
    """Parse a CIDR. Raises InvalidParameterError, also when host bits are set (as Docker does)."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        try:
            canonical = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise InvalidParameterError(f"invalid subnet {text}: {error}") from error
        raise InvalidParameterError(f"invalid subnet {text}: it should be {canonical}") from error


def parse_address(text: str) -> Address:
    """Parse an address. Raises InvalidParameterError."""
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise InvalidParameterError(f"invalid IP address: {text}") from error


def _contains(subnet: Subnet, other: Subnet) -> bool:
    return (
        subnet.version == other.version
        and int(subnet.network_address) <= int(other.network_address)
        and int(other.broadcast_address) <= int(subnet.broadcast_address)
    )


def _first_host(pool: Pool, subnet: Subnet) -> Address:
    taken = {parse_address(text) for text in pool.aux_addresses.values()}
    return next(address for address in subnet.hosts() if address not in taken)


class AddressBook:
    """Which addresses of which network are taken."""

    def __init__(self) -> None:
        self._taken: dict[str, set[int]] = {}

    def add_network(self, network: Network) -> None:
        """Take gateways and auxiliary addresses."""
        taken = self._taken.setdefault(network.id, set())
        for pool in network.pools:
            texts = [pool.gateway] if pool.gateway else []
            taken.update(int(parse_address(text)) for text in texts)
            taken.update(int(parse_address(text)) for text in pool.aux_addresses.values())

    def remove_network(self, network_id: str) -> None:
        """Forget a network."""
        self._taken.pop(network_id, None)

    def take(self, network_id: str, address: str) -> None:
        """Note an address that a stored endpoint has."""
        self._taken.setdefault(network_id, set()).add(int(parse_address(address)))

    def release(self, network_id: str, address: str) -> None:
        """Give an address back."""
        self._taken.get(network_id, set()).discard(int(parse_address(address)))

    def allocate(self, network: Network, version: int, wanted: str = "") -> Interface | None:
        """Take an address for a container: ``wanted``, or the lowest free one.

        None when the network has no subnet of this version. Raises InvalidParameterError,
        ForbiddenError (taken) and InternalError (none left) with Docker's words.
        """
        pools = [pool for pool in network.pools if parse_subnet(pool.subnet).version == version]
        if wanted:
            return self._allocate_static(network, pools, parse_address(wanted))
        if not pools:
            return None
        taken = self._taken.setdefault(network.id, set())
        for pool in pools:
            for candidate in _candidates(pool):
                if candidate not in taken:
                    taken.add(candidate)
                    return _interface(candidate, parse_subnet(pool.subnet))
        raise InternalError(
            f"no available IPv{version} addresses on this network's address pools: "
            f"{network.name} ({network.id})"
        )

    def _allocate_static(
        self, network: Network, pools: Sequence[Pool], address: Address
    ) -> Interface:
        for pool in pools:
            subnet = parse_subnet(pool.subnet)
            if address in subnet:
                taken = self._taken.setdefault(network.id, set())
                if int(address) in taken:
                    raise ForbiddenError(f"Address already in use: {address}")
                taken.add(int(address))
                return _interface(int(address), subnet)
        raise InvalidParameterError(
            f"no configured subnet or ip-range contain the IP address {address}"
        )


def _candidates(pool: Pool) -> Iterator[int]:
    """Yield the addresses that containers may get, without the network's and broadcast."""
    subnet = parse_subnet(pool.subnet)
    source = parse_subnet(pool.ip_range) if pool.ip_range else subnet
    first, last = int(source.network_address), int(source.broadcast_address)
    if source.num_addresses > 2:
        edges = (int(subnet.network_address), int(subnet.broadcast_address))
        first += first == edges[0]
        last -= last == edges[1] and subnet.version == 4
    return iter(range(first, last + 1))


def _interface(number: int, subnet: Subnet) -> Interface:
    if subnet.version == 4:
        return ipaddress.IPv4Interface((number, subnet.prefixlen))
    return ipaddress.IPv6Interface((number, subnet.prefixlen))


def mac_from_ipv4(address: str) -> str:
    """Return Docker's MAC address for an IPv4 address: 02:42 and the address itself."""
    return (b"\x02\x42" + ipaddress.IPv4Address(address).packed).hex(":")
