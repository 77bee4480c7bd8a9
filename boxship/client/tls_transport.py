"""TCP connections, plain and with TLS."""

import socket
import ssl
import threading

from boxship.client.endpoint import Endpoint, TlsConfig
from boxship.client.errors import ConnectionFailedError
from boxship.client.transports import SocketTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from boxship.client.transports import Transport

_RECORD = 65536


def connect_tcp(endpoint: Endpoint) -> "Transport":
    """Connect to a tcp endpoint. Raises OSError, or ConnectionFailedError for bad TLS."""
    sock = socket.create_connection((endpoint.address, endpoint.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if endpoint.tls is None:
        return SocketTransport(sock)
    try:
        return TlsTransport(sock, tls_context(endpoint.tls), endpoint.address)
    except ssl.SSLError as error:
        sock.close()
        raise ConnectionFailedError(f"TLS with {endpoint.url} failed: {error}") from error
    except BaseException:
        sock.close()
        raise


def tls_context(tls: TlsConfig) -> ssl.SSLContext:
    """Build the context for a client. Raises ConnectionFailedError for an unreadable file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if tls.ca and tls.verify:
            context.load_verify_locations(cafile=tls.ca)
        elif tls.verify:
            context.load_default_certs()
        if tls.cert:
            context.load_cert_chain(tls.cert, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConnectionFailedError(
            f"cannot load TLS files ({tls.ca}, {tls.cert}, {tls.key}): {error}"
        ) from error
    return context


class TlsTransport:
    """TLS over memory buffers, as ssl.SSLSocket cannot close only its sending direction.

    One thread may send while another receives: ``_lock`` is held around the TLS state and while
    records go out, never while waiting for the peer to send.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._socket = sock
        self._lock = threading.RLock()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        while not self._handshake_step():
            self._receive_record()

    def _handshake_step(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        self._flush()
        return True

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._socket.sendall(self._outgoing.read())

    def _receive_record(self) -> None:
        data = self._socket.recv(_RECORD)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def sendall(self, data: bytes) -> None:
        """Encrypt and send all of data."""
        if data:
            with self._lock:
                self._tls.write(data)
                self._flush()

    def recv(self, size: int) -> bytes:
        """Wait for decrypted bytes; ``b""`` at the peer's end, clean or not.

        Returns all that is decrypted when that is more than size, so that poll on the descriptor
        never misses bytes held here.
        """
        while True:
            with self._lock:
                data = self._decrypt(size)
            if data is not None:
                return data
            self._receive_record()

    def _decrypt(self, size: int) -> bytes | None:
        pieces: list[bytes] = []
        try:
            while piece := self._tls.read(size):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            self._flush()
            return b"".join(pieces) if pieces else None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            pass
        return b"".join(pieces)

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self._socket.fileno()

    def shutdown_write(self) -> None:
        """Send close_notify; receiving goes on."""
        with self._lock:
            try:
                self._tls.unwrap()
            except ssl.SSLError:  # it waits for the peer's close_notify; that is recv's business
                pass
            try:
                self._flush()
            except OSError:
                pass

    def close(self) -> None:
        """Close both directions."""
        self._socket.close()
