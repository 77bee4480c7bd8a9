"""Published ports: which host ports a container gets, and the sockets that reserve them."""

import errno
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from boxship.engine.networks.firewall import Element
from boxship.engine.networks.sandbox import Endpoint, PortSpec, PublishedPort
from boxship.errors import InternalError, InvalidParameterError, NotSupportedError
from boxship.linux.portowner import find_port_owner
from boxship.linux.sysctl import read_sysctl

PROTOCOLS = ("tcp", "udp", "sctp")
_LISTEN_BACKLOG = 128
_MAX_PORT = 65535
_ANY_V4 = "0.0.0.0"
_ANY_V6 = "::"


@dataclass(frozen=True, slots=True)
class Binding:
    """Where the host binds the ports of a network's containers when they give no address."""

    host_ip: str
    """Address; empty: what the engine's settings say."""
    versions: tuple[int, ...]
    """Families that are bound at all; others are routed to."""


class Reservation:
    """A published port and the bound socket that reserves it until the holder has it."""

    def __init__(self, published: PublishedPort, sock: socket.socket) -> None:
        self.published = published
        self.socket = sock


def port_key(container_id: str, port: PublishedPort) -> str:
    """Return the name of a published port between the engine and the port holder."""
    return f"{container_id} {port.protocol} {port.host_ip} {port.host_port} {port.container_port}"


class PortReserver:
    """Chooses and binds host ports."""

    def __init__(self, default_host_ip: str, *, ipv6: bool) -> None:
        """``default_host_ip`` is for mappings without one; 0.0.0.0 means IPv4 and IPv6."""
        self._default_host_ip = default_host_ip
        self._ipv6 = ipv6
        first, last = (read_sysctl("net/ipv4/ip_local_port_range") or "32768 60999").split()
        self._ephemeral = range(int(first), int(last) + 1)
        self._next = 0

    def reserve(
        self,
        ports: Iterable[PortSpec],
        endpoint: Endpoint,
        holders: Mapping[tuple[str, int], str],
        binding: Binding,
    ) -> list[Reservation]:
        """Bind all ports that a container asks for, or none.

        ``holders`` names the container that has a protocol's port, for the message. Raises
        InternalError with Docker's words for a port in use.
        """
        reserved: list[Reservation] = []
        try:
            for spec in ports:
                reserved += self._reserve(spec, endpoint, holders, binding)
        except BaseException:
            release(reserved)
            raise
        return reserved

    def rebind(self, published: PublishedPort) -> Reservation:
        """Bind a port that a living container has already. Raises OSError."""
        return Reservation(published, _bind(published))

    def _reserve(
        self,
        spec: PortSpec,
        endpoint: Endpoint,
        holders: Mapping[tuple[str, int], str],
        binding: Binding,
    ) -> list[Reservation]:
        _check(spec)
        host_ips = self._host_ips(spec, binding)
        if not host_ips:
            return []
        refused: OSError | None = None
        candidate = spec.host_port
        for candidate in self._candidates(spec):
            reserved: list[Reservation] = []
            try:
                for host_ip in host_ips:
                    published = PublishedPort(
                        container_port=spec.container_port,
                        protocol=spec.protocol,
                        host_ip=host_ip,
                        host_port=candidate,
                    )
                    reserved.append(Reservation(published, _bind(published)))
            except OSError as error:
                release(reserved)
                refused = error
                if error.errno == errno.EADDRINUSE:
                    continue
                break
            return reserved
        raise self._refusal(spec, host_ips[0], candidate, refused, endpoint, holders)

    def _candidates(self, spec: PortSpec) -> Iterator[int]:
        if spec.host_port:
            yield from range(spec.host_port, (spec.host_port_end or spec.host_port) + 1)
            return
        for _ in self._ephemeral:
            self._next = (self._next + 1) % len(self._ephemeral)
            yield self._ephemeral[self._next - 1]

    def _host_ips(self, spec: PortSpec, binding: Binding) -> Sequence[str]:
        default = binding.host_ip or self._default_host_ip
        chosen = [spec.host_ip.strip("[]") or default]
        if not spec.host_ip and default == _ANY_V4 and self._ipv6:
            chosen.append(_ANY_V6)
        return [host_ip for host_ip in chosen if _version(host_ip) in binding.versions]

    def _refusal(
        self,
        spec: PortSpec,
        host_ip: str,
        port: int,
        error: OSError | None,
        endpoint: Endpoint,
        holders: Mapping[tuple[str, int], str],
    ) -> InternalError:
        if error is None or error.errno != errno.EADDRINUSE:
            reason = error.strerror if error else "no ephemeral port is free"
            return InternalError(
                f"failed to bind host port {host_ip}:{port}/{spec.protocol}: {reason}"
            )
        container = holders.get((spec.protocol, port))
        if container is not None:
            return InternalError(
                f"Bind for {host_ip}:{port} failed: port is already allocated "
                f"(container {container} has it)"
            )
        target = f"{endpoint.ipv4 or endpoint.ipv6}:{spec.container_port}/{spec.protocol}"
        owner = find_port_owner(spec.protocol, port)
        holder = f" (process {owner[1]}, pid {owner[0]}, has it)" if owner else ""
        return InternalError(
            f"failed to bind host port for {host_ip}:{port}:{target}: "
            f"address already in use{holder}"
        )


def release(reservations: Iterable[Reservation]) -> None:
    """Close the sockets of reservations that are not needed."""
    for reservation in reservations:
        reservation.socket.close()


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def translations(ports: Iterable[PublishedPort], endpoint: Endpoint) -> Iterator[Element]:
    """Return what the packet filter needs to translate these ports to the endpoint.

    A port on an IPv6 address of a container without one has no element: the holder proxies it.
    """
    for port in ports:
        version = _version(port.host_ip)
        target = endpoint.ipv6 if version == 6 else endpoint.ipv4
        if not target:
            continue
        service = f"{port.protocol} . {port.host_port}"
        value = f"{target} . {port.container_port}"
        if port.host_ip in (_ANY_V4, _ANY_V6):
            yield Element(f"publish{version}_any", service, value)
        else:
            yield Element(f"publish{version}", f"{port.host_ip} . {service}", value)


def _check(spec: PortSpec) -> None:
    if spec.protocol not in PROTOCOLS:
        raise InvalidParameterError(
            f"invalid protocol {spec.protocol!r}: it must be one of tcp, udp, sctp"
        )
    ports = (spec.container_port, spec.host_port or 1, spec.host_port_end or 1)
    if not all(1 <= port <= _MAX_PORT for port in ports):
        raise InvalidParameterError(f"invalid port in {spec}: it must be between 1 and {_MAX_PORT}")


def _bind(port: PublishedPort) -> socket.socket:
    """Return a socket that keeps everybody else from the port. Raises OSError."""
    family = socket.AF_INET6 if ":" in port.host_ip else socket.AF_INET
    sock = _open(family, port.protocol)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if port.protocol == "udp":
            sock.bind((port.host_ip, port.host_port))
        else:
            # Old connections of a former holder may linger on the port; listening excludes others
            # all the same.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((port.host_ip, port.host_port))
            sock.listen(_LISTEN_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _open(family: socket.AddressFamily, protocol: str) -> socket.socket:
    if protocol == "udp":
        return socket.socket(family, socket.SOCK_DGRAM)
    if protocol == "tcp":
        return socket.socket(family, socket.SOCK_STREAM)
    with suppress(OSError):
        return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    raise NotSupportedError(
        "this kernel has no SCTP: load the module sctp, or publish the port with another protocol"
    )
