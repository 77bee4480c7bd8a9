"""Connections for the blocking client: unix socket, TCP, TLS, and a command over ssh.

Each is a ``Transport``. The unix one, which every local command uses, imports only ``_socket``:
``socket`` on top of it costs 8 ms in ``enum`` and ``selectors``.
"""

import _socket

from boxship.client.errors import ConnectionFailedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from boxship.client.endpoint import Endpoint

    class Transport(Protocol):
        """A connected byte stream; both directions can be closed on their own."""

        def sendall(self, data: bytes, /) -> None: ...
        def recv(self, size: int, /) -> bytes: ...
        def fileno(self) -> int: ...
        def shutdown_write(self) -> None: ...
        def close(self) -> None: ...


class SocketTransport:
    """A plain stream socket."""

    __slots__ = ("_socket", "recv", "sendall")

    def __init__(self, sock: _socket.socket) -> None:
        self._socket = sock
        self.sendall = sock.sendall
        self.recv = sock.recv

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self._socket.fileno()

    def shutdown_write(self) -> None:
        """Tell the peer that nothing more comes; harmless when it is already gone."""
        try:
            self._socket.shutdown(_socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        """Close both directions."""
        self._socket.close()


def connect(endpoint: "Endpoint") -> "Transport":
    """Open a connection. Raises ConnectionFailedError (its __cause__ is the OSError)."""
    opener: Callable[[Endpoint], Transport] = _connect_unix
    if endpoint.scheme == "tcp":
        from boxship.client import tls_transport

        opener = tls_transport.connect_tcp
    elif endpoint.scheme == "ssh":
        from boxship.client import ssh_transport

        opener = ssh_transport.connect_ssh
    try:
        return opener(endpoint)
    except PermissionError as error:
        raise ConnectionFailedError(
            "permission denied while trying to connect to the Boxship daemon socket at "
            f"{endpoint.url}: be root or a member of the group that owns the socket"
        ) from error
    except OSError as error:
        raise ConnectionFailedError(unreachable(endpoint, error)) from error


def unreachable(endpoint: "Endpoint", error: OSError) -> str:
    """Docker's words for a daemon that does not answer, with the reason unless it is plain."""
    sentence = f"Cannot connect to the Boxship daemon at {endpoint.url}."
    if endpoint.scheme != "unix":
        sentence += f" {error.strerror or error}."
    return f"{sentence} Is the boxship daemon running?"


def _connect_unix(endpoint: "Endpoint") -> "Transport":
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        sock.connect(endpoint.address)
    except BaseException:
        sock.close()
        raise
    return SocketTransport(sock)
