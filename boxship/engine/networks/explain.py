"""From where a container's port is reached, and which rule or option says so.

Derived from the same options and elements that make the rules (rules.py), not from packets: whether
a process listens, and what other firewalls do, is not looked at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from boxship.engine.networks.network import (
    OPTION_GATEWAY_MODES,
    OPTION_ICC,
    OPTION_INHIBIT_IPV4,
    OPTION_TRUSTED,
    GatewayMode,
    Network,
)
from boxship.engine.networks.planning import publishing_endpoint
from boxship.engine.networks.sandbox import Endpoint, PublishedPort
from boxship.engine.networks.store import StoredSandbox

HOST, LAN, OTHERS = "host", "LAN", "other networks"

_ANY = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a port."""

    source: str
    """``host``, ``LAN``, ``other networks``, or ``network NAME`` for containers on the same."""
    address: str
    """Where it would be called: address and port; empty when there is nothing to call."""
    open: bool
    reason: str
    rule: str
    """The option, or the chain and set or map of the table, that decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All ways to a port of a container."""

    container: str
    port: int
    protocol: str
    ways: tuple[Way, ...]
    notes: tuple[str, ...] = ()


def explain(
    stored: StoredSandbox,
    networks: Mapping[str, Network],
    port: int,
    protocol: str,
    admin_rules: Sequence[str],
) -> Explanation:
    """Say from where ``port`` of a running container is reached."""
    mode = stored.spec.mode
    if mode == "networks":
        ways = tuple(_ways(stored, networks, port, protocol))
    else:
        ways = (_unmanaged(mode, port),)
    note = f"the chain admin has {len(admin_rules)} rules of its own, which may decide otherwise"
    return Explanation(
        container=stored.spec.container_name,
        port=port,
        protocol=protocol,
        ways=ways,
        notes=(note,) if admin_rules else (),
    )


def _unmanaged(mode: str, port: int) -> Way:
    if mode == "host":
        reason = "it shares the host's network: whatever reaches the host's port reaches it"
        return Way(LAN, f"the host's addresses, port {port}", True, reason, "--network host")
    return Way(HOST, "", False, "it has no network but its own loopback", f"--network {mode}")


def _ways(
    stored: StoredSandbox, networks: Mapping[str, Network], port: int, protocol: str
) -> Iterator[Way]:
    chosen = publishing_endpoint(stored.sandbox.endpoints)
    asked = any(p.container_port == port and p.protocol == protocol for p in stored.spec.ports)
    for endpoint in stored.sandbox.endpoints:
        network = networks[endpoint.network_id]
        wanted = asked and endpoint is chosen
        for version, address in ((4, endpoint.ipv4), (6, endpoint.ipv6)):
            if address:
                target = _join(address, port)
                if network.driver == "bridge":
                    yield from _bridge(network, version, target, published=wanted)
                else:
                    yield from _sublink(network, target)
    for published in stored.sandbox.ports:
        if (published.container_port, published.protocol) == (port, protocol):
            yield from _published(published, chosen)


def _bridge(network: Network, version: int, target: str, *, published: bool) -> Iterator[Way]:
    yield _from_host(network, version, target)
    yield _from_neighbours(network, target)
    yield from _direct(network, version, target, published=published)


def _from_host(network: Network, version: int, target: str) -> Way:
    option = OPTION_GATEWAY_MODES[version]
    if network.gateway_mode(version) is GatewayMode.ISOLATED:
        return Way(HOST, target, False, "the host has no address there", f"{option}=isolated")
    if version == 4 and network.enabled(OPTION_INHIBIT_IPV4, default=False):
        reason = "the engine gave the host no address there"
        return Way(HOST, target, False, reason, f"{OPTION_INHIBIT_IPV4}=true")
    return Way(HOST, target, True, "the host has an address on the network", "no rule")


def _from_neighbours(network: Network, target: str) -> Way:
    source = f"network {network.name}"
    if network.enabled(OPTION_ICC):
        return Way(source, target, True, "containers of a network reach each other", "@connected")
    return Way(source, target, False, "containers are kept apart", f"{OPTION_ICC}=false")


def _direct(network: Network, version: int, target: str, *, published: bool) -> Iterator[Way]:
    """Yield who may send packets to the container's own address."""
    mode, option = network.gateway_mode(version), OPTION_GATEWAY_MODES[version]
    if network.internal:
        for source in (OTHERS, LAN):
            yield Way(source, target, False, "the network is internal", "--internal")
        return
    if mode is GatewayMode.ROUTED and published:
        for source in (OTHERS, LAN):
            reason = "published on a routed network"
            yield Way(source, target, True, reason, f"{option}=routed, @routed{version}")
        return
    trusted = [name for name in network.options.get(OPTION_TRUSTED, "").split(":") if name]
    for name in trusted if published else ():
        yield Way(f"{LAN} at {name}", target, True, "the interface is trusted", OPTION_TRUSTED)
    reason = (
        "networks are kept apart"
        if not published
        else "published ports are reached by the host's address"
    )
    yield Way(OTHERS, target, False, reason, "chain inbound: drop")
    if mode is GatewayMode.UNPROTECTED:
        reason = "every port is open to who routes there"
        yield Way(LAN, target, True, reason, f"{option}=nat-unprotected, @unprotected{version}")
        return
    reason = "closed to who routes there" if published else "the port is not published"
    yield Way(LAN, target, False, reason, "chain inbound: drop")


def _sublink(network: Network, target: str) -> Iterator[Way]:
    """Yield the ways to an interface on one of the host's: the packet filter sees none of them."""
    kind, parent = network.driver, network.options.get("parent", "")
    mode = network.options.get(f"{kind}_mode", "")
    apart = mode in ("private", "vepa") or network.options.get("ipvlan_flag") == "private"
    reason = f"a {kind} and its own host do not see each other"
    yield Way(HOST, target, False, reason, f"driver {kind}")
    reason = f"{mode or 'bridge'} mode" if kind == "macvlan" else f"{mode or 'l2'} mode"
    yield Way(f"network {network.name}", target, not apart, reason, f"{kind}_mode")
    if parent:
        reason = f"it is a neighbour of whoever is on {parent}"
        yield Way(LAN, target, True, reason, f"parent={parent}")
    else:
        yield Way(LAN, target, False, "the network stands on no interface of the host", "no parent")


def _published(port: PublishedPort, endpoint: Endpoint | None) -> Iterator[Way]:
    """Yield the ways by the host's address."""
    version = 6 if ":" in port.host_ip else 4
    target = _join(port.host_ip, port.host_port)
    anywhere = port.host_ip in _ANY
    rule = f"@publish{version}_any" if anywhere else f"@publish{version}"
    if endpoint is None or not (endpoint.ipv6 if version == 6 else endpoint.ipv4):
        rule = "port holder: a proxy, as the container has no address of this family"
    yield Way(HOST, target, True, "published", rule)
    if port.host_ip.startswith("127.") or port.host_ip == "::1":
        for source in (OTHERS, LAN):
            yield Way(source, target, False, "published on the host's loopback", "chain martians")
        return
    where = "on every address of the host" if anywhere else "on one address of the host"
    for source in (OTHERS, LAN):
        yield Way(source, target, True, f"published {where}", rule)


def _join(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
