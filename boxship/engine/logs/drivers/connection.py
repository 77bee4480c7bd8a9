"""Connections of drivers that send records elsewhere: addresses, sockets, TLS."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boxship.errors import InvalidParameterError
from boxship.units import natural

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where to send. scheme: udp, tcp, tcp+tls, unix or unixgram; path of the last two in host."""

    scheme: str
    host: str
    port: int = 0

    @property
    def is_datagram(self) -> bool:
        """Whether each message is a datagram of its own."""
        return self.scheme in ("udp", "unixgram")


def parse_address(option: str, text: str, schemes: tuple[str, ...], default_port: int) -> Address:
    """Read ``tcp://host:port``, ``unix:///path`` …. Raises InvalidParameterError."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in schemes:
        kinds = ", ".join(f"{known}://" for known in schemes)
        raise InvalidParameterError(f'invalid {option} "{text}": it has to begin with {kinds}')
    if scheme in ("unix", "unixgram"):
        if not rest.startswith("/"):
            raise InvalidParameterError(f'invalid {option} "{text}": no absolute path')
        return Address(scheme, rest)
    host, _, port = rest.rpartition(":") if ":" in rest.rpartition("]")[2] else (rest, "", "")
    number = natural(port) if port else default_port
    if not number or number >= 65536:
        raise InvalidParameterError(f'invalid {option} "{text}": {port!r} is no port')
    return Address(scheme, host.strip("[]") or "localhost", number)


class Connection:
    """A socket that is opened when it is needed and again after a failure. Methods block."""

    def __init__(self, address: Address, tls: Callable[[], ssl.SSLContext] | None = None) -> None:
        """tls: makes the settings of a TLS connection; None: the system's authorities."""
        self.address = address
        self._tls = tls or _default_tls
        self._socket: socket.socket | None = None

    def open(self) -> socket.socket:
        """Return the socket, connected. Raises OSError that tells the address."""
        if self._socket is None:
            try:
                self._socket = self._connect()
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise OSError(error.errno, f"dial {self._shown}: {reason}") from error
        return self._socket

    def send(self, message: bytes) -> None:
        """Send a message whole. Raises OSError; the next one connects anew."""
        try:
            if self.address.is_datagram:
                self.open().send(message)
            else:
                self.open().sendall(message)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the socket; a later message opens another one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @property
    def _shown(self) -> str:
        address = self.address
        port = f":{address.port}" if address.port else ""
        return f"{address.scheme} {address.host}{port}"

    def _connect(self) -> socket.socket:
        address = self.address
        if address.scheme in ("unix", "unixgram"):
            kind = socket.SOCK_DGRAM if address.scheme == "unixgram" else socket.SOCK_STREAM
            return _connected(socket.socket(socket.AF_UNIX, kind), address.host)
        if address.scheme == "udp":
            family, kind, _, _, target = socket.getaddrinfo(
                address.host, address.port, type=socket.SOCK_DGRAM
            )[0]
            return _connected(socket.socket(family, kind), target)
        plain = socket.create_connection((address.host, address.port), TIMEOUT_S)
        if address.scheme == "tcp":
            return plain
        return self._tls().wrap_socket(plain, server_hostname=address.host)


def _default_tls() -> ssl.SSLContext:
    import ssl

    return ssl.create_default_context()


def _connected(made: socket.socket, target: str | tuple[Any, ...]) -> socket.socket:
    made.settimeout(TIMEOUT_S)
    try:
        made.connect(target)
    except OSError:
        made.close()
        raise
    return made
