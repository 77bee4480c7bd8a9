import pytest

from boxship.api.websocket import WebsocketDuplex, accept_header
from boxship.errors import InvalidParameterError
from boxship.wire.websocket import Opcode, close_payload, encode_frame
from tests.unit.wire.test_websocket import masked


class Peer:
    """A scripted connection."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)
        self.sent = b""
        self.closed = False

    async def read(self) -> bytes:
        return self.chunks.pop(0) if self.chunks else b""

    async def write(self, data: bytes | memoryview) -> None:
        self.sent += data

    def write_eof(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


async def test_bytes_both_ways() -> None:
    peer = Peer(masked(2, b"ab") + masked(9, b"?") + masked(1, b"c"), masked(8, b""))
    duplex = WebsocketDuplex(peer)
    assert [await duplex.read(), await duplex.read(), await duplex.read()] == [b"ab", b"c", b""]
    assert peer.sent == encode_frame(Opcode.PONG, b"?") + encode_frame(
        Opcode.CLOSE, close_payload(1000)
    )
    with pytest.raises(ConnectionResetError):
        await duplex.write(b"x")


async def test_output_and_goodbye() -> None:
    peer = Peer()
    duplex = WebsocketDuplex(peer)
    await duplex.write(b"x")
    await duplex.finish()
    await duplex.finish()
    assert peer.sent == encode_frame(Opcode.BINARY, b"x") + encode_frame(
        Opcode.CLOSE, close_payload(1000)
    )


async def test_a_broken_peer_is_told() -> None:
    peer = Peer(b"\x82\x01x")
    assert await WebsocketDuplex(peer).read() == b""
    assert peer.sent[:4] == b"\x88" + peer.sent[1:2] + (1002).to_bytes(2, "big")


def test_handshake() -> None:
    headers = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13"}
    assert accept_header(headers) == (("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),)
    for bad in ({}, {**headers, "sec-websocket-version": "8"}):
        with pytest.raises(InvalidParameterError):
            accept_header(bad)
