"""Mutual TLS, with half-close in both directions."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from boxship.api.request import RAW_STREAM, Request
from boxship.api.response import Response, json_response
from tests.unit.api.serving import serving


class Certificates(NamedTuple):
    """Paths of an authority, a server's and a client's pair, and a stranger's pair."""

    authority: Path
    server: tuple[Path, Path]
    client: tuple[Path, Path]
    stranger: tuple[Path, Path]


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: Any, issuer_key: Any
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    return builder.sign(issuer_key, hashes.SHA256())


def _write_pair(folder: Path, name: str, issuer: Any, issuer_key: Any) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(name, key, issuer, issuer_key or key)
    paths = folder / f"{name}.pem", folder / f"{name}-key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def make_certificates(folder: Path) -> Certificates:
    """Make an authority and what it signs, and a stranger that signed itself."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("authority", authority_key, None, authority_key)
    path = folder / "ca.pem"
    path.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    return Certificates(
        path,
        _write_pair(folder, "server", authority.subject, authority_key),
        _write_pair(folder, "client", authority.subject, authority_key),
        _write_pair(folder, "stranger", None, None),
    )


async def hello(_request: Request, _engine: Any) -> Response:
    return json_response({"hello": "tls"})


async def count_then_report(request: Request, _engine: Any) -> None:
    raw = await request.hijack(RAW_STREAM)
    size = 0
    while data := await raw.read():
        size += len(data)
    for _ in range(size // 1000):
        await raw.write(b"y" * 1000)
    raw.write_eof()
    assert await raw.detach_socket() is None


ROWS = {"GET /hello": hello, "*POST /count": count_then_report}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def address(tmp_path: Path, certificates: Certificates) -> AsyncIterator[tuple[str, int]]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.authority)
    context.load_cert_chain(*certificates.server)
    context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", 0))
    async with serving(tmp_path, ROWS) as running:
        await running.server.listen(listener, context)
        yield listener.getsockname()


def client_context(certificates: Certificates, pair: tuple[Path, Path] | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates.authority)
    if pair is not None:
        context.load_cert_chain(*pair)
    return context


async def test_a_known_client_is_served(
    address: tuple[str, int], certificates: Certificates
) -> None:
    context = client_context(certificates, certificates.client)
    reader, writer = await asyncio.open_connection(*address, ssl=context)
    writer.write(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.endswith(b'{"hello":"tls"}\n')
    writer.close()


@pytest.mark.parametrize("who", ["nobody", "stranger"])
async def test_other_clients_are_turned_away(
    address: tuple[str, int], certificates: Certificates, who: str
) -> None:
    pair = certificates.stranger if who == "stranger" else None
    context = client_context(certificates, pair)
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        reader, writer = await asyncio.open_connection(*address, ssl=context)
        writer.write(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)


async def test_plain_text_on_a_tls_port_is_dropped(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" not in await asyncio.wait_for(reader.read(), 10)
    writer.close()


def _half_close_exchange(address: tuple[str, int], context: ssl.SSLContext, size: int) -> bytes:
    """Send, end the TLS sending side only, read to the end (what Go's CloseWrite does)."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    received = b""
    with socket.create_connection(address, timeout=10) as sock:

        def turn(call: Any) -> Any:
            while True:
                try:
                    return call()
                except ssl.SSLWantReadError:
                    sock.sendall(outgoing.read())
                    incoming.write(sock.recv(65536))
                finally:
                    sock.sendall(outgoing.read())

        turn(tls.do_handshake)
        tls.write(b"POST /count HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        tls.write(b"x" * size)
        sock.sendall(outgoing.read())
        with pytest.raises(ssl.SSLWantReadError):
            tls.unwrap()
        sock.sendall(outgoing.read())
        while True:
            try:
                data = turn(lambda: tls.read(65536))
            except ssl.SSLZeroReturnError:
                return received
            if not data:
                return received
            received += data


async def test_half_close_works_under_tls(
    address: tuple[str, int], certificates: Certificates
) -> None:
    context = client_context(certificates, certificates.client)
    answer = await asyncio.to_thread(_half_close_exchange, address, context, 200_000)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 UPGRADED")
    assert body == b"y" * 200_000
