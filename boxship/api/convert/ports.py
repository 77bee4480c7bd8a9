"""Ports: ``80/tcp`` keys and ``{"HostIp", "HostPort"}`` bindings against the domain's PortSpec."""

import ipaddress
from collections.abc import Iterable, Mapping

from boxship.api.schema.host_config import PortBinding
from boxship.engine.networks.sandbox import PortSpec, PublishedPort
from boxship.errors import InvalidParameterError

_PROTOCOLS = frozenset({"tcp", "udp", "sctp"})


def split_port(text: str) -> tuple[str, str]:
    """Split ``80/tcp`` (protocol optional, any case) into ``("80", "tcp")``."""
    port, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise InvalidParameterError(f"invalid proto: {protocol}")
    return port, protocol


def parse_range(text: str) -> tuple[int, int]:
    """Read ``80`` or ``80-90`` as first and last port; an empty text is ``(0, 0)``."""
    if not text:
        return 0, 0
    first, dash, last = text.partition("-")
    start = _number(first, text)
    end = _number(last, text) if dash else start
    if end < start:
        raise InvalidParameterError(f"invalid port range: {text}")
    return start, end


def _number(digits: str, whole: str) -> int:
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 5 or int(digits) > 65535:
        raise InvalidParameterError(f'invalid port specification: "{whole}"')
    return int(digits)


def exposed_ports(keys: Iterable[str]) -> tuple[str, ...]:
    """Normalise the keys of ExposedPorts: ``80`` -> ``80/tcp``, a range -> each of its ports."""
    ports: dict[str, None] = {}
    for key in keys:
        text, protocol = split_port(key)
        first, last = parse_range(text)
        if first == 0:
            raise InvalidParameterError(f'invalid port specification: "{key}"')
        for port in range(first, last + 1):
            ports[f"{port}/{protocol}"] = None
    return tuple(ports)


def port_specs(bindings: Mapping[str, list[PortBinding]]) -> tuple[PortSpec, ...]:
    """Read PortBindings; a key without a binding publishes nothing, as in Docker."""
    return tuple(_spec(key, binding) for key, group in bindings.items() for binding in group)


def _spec(key: str, binding: PortBinding) -> PortSpec:
    text, protocol = split_port(key)
    port, last_port = parse_range(text)
    if port == 0 or last_port != port:
        raise InvalidParameterError(f'invalid port specification: "{text}"')
    first, last = parse_range(binding.host_port)
    return PortSpec(
        container_port=port,
        protocol=protocol,
        host_ip=_host_ip(binding.host_ip),
        host_port=first,
        host_port_end=last if last != first else 0,
    )


def _host_ip(text: str) -> str:
    bare = text.removeprefix("[").removesuffix("]")
    if not bare:
        return ""
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        raise InvalidParameterError(f"invalid IP address: {text}") from None


def bindings_json(specs: Iterable[PortSpec]) -> dict[str, list[PortBinding]]:
    """Write PortBindings as they were asked for."""
    bindings: dict[str, list[PortBinding]] = {}
    for spec in specs:
        key = f"{spec.container_port}/{spec.protocol}"
        host_port = str(spec.host_port) if spec.host_port else ""
        if spec.host_port_end:
            host_port = f"{spec.host_port}-{spec.host_port_end}"
        bindings.setdefault(key, []).append(PortBinding(host_ip=spec.host_ip, host_port=host_port))
    return bindings


def published_json(
    exposed: Iterable[str], published: Iterable[PublishedPort]
) -> dict[str, list[PortBinding] | None]:
    """Write NetworkSettings.Ports: null for a port that is exposed but not published."""
    ports: dict[str, list[PortBinding] | None] = dict.fromkeys(sorted(exposed))
    for port in published:
        key = f"{port.container_port}/{port.protocol}"
        binding = PortBinding(host_ip=port.host_ip, host_port=str(port.host_port))
        ports[key] = [*(ports.get(key) or ()), binding]
    return ports
