"""The networking of an inspected or listed container."""

from collections.abc import Iterator

from msgspec import UNSET

from boxship.api.convert.endpoints import endpoint_json
from boxship.api.convert.host_config import network_mode
from boxship.api.convert.ports import published_json
from boxship.api.schema.containers import LegacyNetworkSettings, NetworkSettings, Port
from boxship.api.schema.endpoints import EndpointSettings
from boxship.api.versions import ApiVersion
from boxship.engine.containers.container import Container, Status
from boxship.engine.networks.sandbox import Sandbox


def network_settings(
    container: Container, sandbox: Sandbox | None, version: ApiVersion
) -> NetworkSettings | LegacyNetworkSettings:
    """Write NetworkSettings; before API 1.52 with the default bridge's addresses repeated."""
    shape = NetworkSettings if version >= (1, 52) else LegacyNetworkSettings
    out = shape(
        sandbox_id=sandbox.container_id if sandbox else "",
        sandbox_key=sandbox.netns_path if sandbox else "",
        ports=published_json(_exposed(container, sandbox), sandbox.ports if sandbox else ()),
        networks=networks(container, sandbox, version),
    )
    if isinstance(out, LegacyNetworkSettings):
        _repeat_default_bridge(out)
    return out


def networks(
    container: Container, sandbox: Sandbox | None, version: ApiVersion
) -> dict[str, EndpointSettings]:
    """Write Networks: those a container wants to be on, with what it has while it runs."""
    wanted = {spec.network: spec for spec in container.endpoints}
    out = {}
    for endpoint in sandbox.endpoints if sandbox else ():
        spec = wanted.pop(endpoint.network_name, None) or wanted.pop(endpoint.network_id, None)
        out[endpoint.network_name] = endpoint_json(spec, endpoint, version)
    for name, spec in wanted.items():
        out[network_mode(name)] = endpoint_json(spec, None, version)
    mode = network_mode(container.host.network_mode)
    if not out and not mode.startswith("container:"):
        out[mode] = endpoint_json(None, None, version)
    return out


def _exposed(container: Container, sandbox: Sandbox | None) -> tuple[str, ...]:
    """Return the ports shown as exposed: those of a running container with networks of its own."""
    if sandbox is None or not sandbox.endpoints:
        return ()
    if container.state.status not in (Status.RUNNING, Status.PAUSED):
        return ()
    return container.config.exposed_ports


def _repeat_default_bridge(out: LegacyNetworkSettings) -> None:
    bridge = out.networks.get("bridge")
    if bridge is None:
        return
    out.endpoint_id = bridge.endpoint_id
    out.gateway = bridge.gateway
    out.global_ipv6_address = bridge.global_ipv6_address
    out.global_ipv6_prefix_len = bridge.global_ipv6_prefix_len
    out.ip_address = bridge.ip_address
    out.ip_prefix_len = bridge.ip_prefix_len
    out.ipv6_gateway = bridge.ipv6_gateway
    out.mac_address = bridge.mac_address


def listed_ports(container: Container, sandbox: Sandbox | None) -> list[Port]:
    """Write the ports of a listed container, published ones with their host side."""
    return list(_listed_ports(container, sandbox))


def _listed_ports(container: Container, sandbox: Sandbox | None) -> Iterator[Port]:
    published = sandbox.ports if sandbox else ()
    seen = set()
    for port in published:
        seen.add(f"{port.container_port}/{port.protocol}")
        yield Port(
            ip=port.host_ip or UNSET,
            private_port=port.container_port,
            public_port=port.host_port,
            type=port.protocol,
        )
    for key in _exposed(container, sandbox):
        if key not in seen:
            number, _, protocol = key.partition("/")
            yield Port(private_port=int(number), type=protocol)
