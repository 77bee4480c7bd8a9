"""``EXPOSE [ip:][host:]port[-port][/protocol]``."""

import ipaddress
from dataclasses import dataclass

from boxship.errors import InvalidParameterError
from boxship.gotemplate.format import quote


@dataclass(frozen=True, slots=True)
class Exposed:
    """One word of EXPOSE, understood."""

    ports: tuple[str, ...]
    """``80/tcp``, …"""
    has_host_part: bool
    protocol: str
    """As it is written; ``tcp`` when nothing is."""


def parse_exposed(word: str) -> Exposed:
    """Raises InvalidParameterError in BuildKit's words."""
    address, host, container = _split(word)
    numbers, slash, protocol = container.partition("/")
    if not numbers:
        raise InvalidParameterError(f"invalid port: {quote(word)}: no port specified")
    protocol = protocol if slash and protocol else "tcp"
    if protocol.lower() not in ("tcp", "udp", "sctp"):
        raise InvalidParameterError(f"invalid port: {quote(word)}: invalid proto: {protocol}")
    _check_address(address)
    span = _range(numbers, "containerPort")
    if host:
        outside = _range(host, "hostPort")
        if len(span) > 1 and len(outside) != len(span):
            raise InvalidParameterError(
                f"invalid ranges specified for container and host Ports: {numbers} and {host}"
            )
    ports = tuple(f"{port}/{protocol.lower()}" for port in span)
    return Exposed(ports, bool(address or host), protocol)


def _split(word: str) -> tuple[str, str, str]:
    parts = word.split(":")
    if len(parts) < 3:
        return "", parts[0] if len(parts) == 2 else "", parts[-1]
    return ":".join(parts[:-2]), parts[-2], parts[-1]


def _check_address(address: str) -> None:
    plain = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    try:
        if plain:
            ipaddress.ip_address(plain)
    except ValueError:
        raise InvalidParameterError(f"invalid IP address: {plain}") from None


def _range(text: str, what: str) -> range:
    start, dash, end = text.partition("-")
    first, last = _port(start), _port(end if dash else start)
    if first is None or last is None or last < first:
        raise InvalidParameterError(f"invalid {what}: {text}")
    return range(first, last + 1)


def _port(text: str) -> int | None:
    plain = text.isascii() and text.isdigit() and len(text) < 10
    return int(text) if plain and int(text) <= 65535 else None
