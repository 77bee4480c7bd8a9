"""TLS with half-close, against Python's own TLS server."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.client.endpoint import TlsConfig, parse_endpoint
from boxship.client.errors import ConnectionFailedError
from boxship.client.tls_transport import connect_tcp
from tests.support.certs import Authority


@contextlib.contextmanager
def tls_echo(authority: Authority) -> Iterator[int]:
    """A server that demands a client certificate and answers once the client has sent all."""
    server = authority.server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.cert_path, server.key_path)
    context.load_verify_locations(authority.root.cert_path)
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError), context.wrap_socket(listener.accept()[0], True) as peer:
            received = b""
            while data := peer.recv(65536):
                received += data
            peer.sendall(b"got %d" % len(received))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join()


def test_sending_ends_while_receiving_goes_on(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    mine = authority.server("client", client=True)
    paths = (authority.root.cert_path, mine.cert_path, mine.key_path)
    tls = TlsConfig(*map(str, paths), verify=True)
    with tls_echo(authority) as port:
        transport = connect_tcp(parse_endpoint(f"tcp://127.0.0.1:{port}", tls))
        for _ in range(10):
            transport.sendall(bytes(100_000))
        transport.shutdown_write()
        assert transport.recv(100) == b"got 1000000"
        assert transport.recv(100) == b""
        transport.close()


def test_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "a"), Authority(tmp_path / "b")
    tls = TlsConfig(str(other.root.cert_path), "", "", verify=True)
    with tls_echo(authority) as port, pytest.raises(ConnectionFailedError, match="TLS with"):
        connect_tcp(parse_endpoint(f"tcp://127.0.0.1:{port}", tls))


def test_missing_files_are_named(tmp_path: Path) -> None:
    tls = TlsConfig(str(tmp_path / "none.pem"), "", "", verify=True)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(ConnectionFailedError, match=r"none\.pem"),
    ):
        connect_tcp(parse_endpoint(f"tcp://127.0.0.1:{listener.getsockname()[1]}", tls))
