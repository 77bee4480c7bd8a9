"""Where a registry is: its base URLs, in the order in which they are tried."""

import functools
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from boxship.engine.config import RegistryConfig
from boxship.errors import InvalidParameterError
from boxship.reference import DEFAULT_DOMAIN, is_domain

_HIGHEST_PORT = 65535

DEFAULT_REGISTRY = "https://registry-1.docker.io"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One base URL of a registry."""

    url: str
    """Scheme and host, no trailing slash."""
    verify_tls: bool = True
    prefix: str = ""
    """What a mirror's repositories have before the names that they mirror: empty, or ``ghcr/``."""
    is_mirror: bool = False
    """Serves pulls of another registry; its failure is no failure, and it gets no credentials."""


def endpoints(domain: str, config: RegistryConfig) -> list[Endpoint]:
    """Return the URLs of a registry host as it stands in an image's name, best first.

    An insecure registry is tried with HTTPS, without verifying it, and then with plain HTTP, as
    Docker does.
    """
    mirrors = _mirrors(config.mirrors_of.get(domain, ()), config)
    if domain == DEFAULT_DOMAIN:
        return [*_mirrors(config.mirrors, config), *mirrors, Endpoint(DEFAULT_REGISTRY)]
    if is_insecure(domain, config.insecure):
        return [*mirrors, *without_tls(domain)]
    return [*mirrors, Endpoint(f"https://{domain}")]


def without_tls(host: str) -> list[Endpoint]:
    """Return the URLs of a host that may lack (valid) TLS."""
    return [Endpoint(f"https://{host}", verify_tls=False), Endpoint(f"http://{host}")]


def _mirrors(urls: Sequence[str], config: RegistryConfig) -> list[Endpoint]:
    found = []
    for mirror in urls:
        parts = urlsplit(mirror)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
            raise InvalidParameterError(
                f"invalid mirror: {mirror!r}: write it as http(s)://host[:port][/path]"
            )
        verify = not is_insecure(parts.netloc, config.insecure)
        path = parts.path.strip("/")
        found.append(
            Endpoint(
                f"{parts.scheme}://{parts.netloc}",
                verify_tls=verify,
                prefix=f"{path}/" if path else "",
                is_mirror=True,
            )
        )
    return found


def check_domain(domain: str) -> None:
    """Raise InvalidParameterError unless a registry could be at this ``name[:port]``."""
    if not is_domain(domain):
        raise InvalidParameterError(f"invalid registry address {domain!r}: give HOST[:PORT]")
    check_port(domain)


def check_port(domain: str) -> None:
    """Raise InvalidParameterError, in Go's words, for a port that cannot be."""
    port = domain.rpartition(":")[2]
    if port.isdecimal() and (len(port) > 5 or int(port) > _HIGHEST_PORT):
        raise InvalidParameterError(
            f'Get "https://{domain}/v2/": dial tcp: address {port}: invalid port'
        )


def split_host(host: str) -> str:
    """Return the name or address in ``name[:port]`` or ``[address]:port``."""
    return urlsplit(f"//{host}").hostname or host


def is_loopback(name: str) -> bool:
    """Tell whether a name or address is this machine's loopback."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_insecure(host: str, insecure: Sequence[str]) -> bool:
    """Tell whether ``name[:port]`` may go without verified TLS.

    insecure: host names with ports, or CIDR ranges that any of the host's addresses falls into.
    """
    name = split_host(host)
    if host in insecure or is_loopback(name):
        return True
    networks = [network for entry in insecure if (network := _network(entry))]
    addresses = _addresses(name) if networks else []
    return any(address in network for address in addresses for network in networks)


@functools.lru_cache
def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in entry:
        return None
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None


def _addresses(name: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
