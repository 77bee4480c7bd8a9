"""A websocket as a two-way byte stream (a ``wire.duplex.Duplex``)."""

from collections.abc import Mapping

from boxship.errors import InvalidParameterError
from boxship.wire.duplex import Duplex
from boxship.wire.websocket import (
    Frame,
    FrameDecoder,
    Opcode,
    WebsocketError,
    accept_key,
    close_payload,
    encode_frame,
)

_NORMAL = 1000


def accept_header(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return what the answer to a websocket handshake carries. Names are in lower case.

    Raises InvalidParameterError for a handshake that is none.
    """
    key = headers.get("sec-websocket-key", "")
    if not key or not key.isascii():
        raise InvalidParameterError("bad websocket handshake: Sec-WebSocket-Key is missing")
    if headers.get("sec-websocket-version", "13") != "13":
        raise InvalidParameterError("bad websocket handshake: only version 13 is spoken")
    return (("Sec-WebSocket-Accept", accept_key(key)),)


class WebsocketDuplex:
    """Bytes both ways: each message read is a piece of input, each write a binary message."""

    def __init__(self, connection: Duplex) -> None:
        self._connection = connection
        self._decoder = FrameDecoder()
        self._pieces: list[bytes] = []
        self._ended = False
        self._closed = False

    async def read(self) -> bytes:
        """Return the next input, ``b""`` once the peer has closed."""
        while not self._pieces:
            if self._ended:
                return b""
            await self._receive()
        return self._pieces.pop(0)

    async def _receive(self) -> None:
        data = await self._connection.read()
        if not data:
            self._ended = True
            return
        try:
            for frame in self._decoder.feed(data):
                await self._take(frame)
        except WebsocketError as error:
            self._ended = True
            await self._send_close(error.code, str(error))

    async def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PING:
            await self._connection.write(encode_frame(Opcode.PONG, frame.payload))
        elif frame.opcode is Opcode.CLOSE:
            self._ended = True
            await self._send_close(_NORMAL)
        elif frame.opcode is not Opcode.PONG and frame.payload:
            self._pieces.append(frame.payload)

    async def write(self, data: bytes | memoryview) -> None:
        """Send bytes as one binary message."""
        if self._closed:
            raise ConnectionResetError("the websocket is closed")
        await self._connection.write(encode_frame(Opcode.BINARY, data))

    async def finish(self) -> None:
        """Say goodbye properly after everything was sent."""
        try:
            await self._send_close(_NORMAL)
        except ConnectionError:
            pass

    async def _send_close(self, code: int, reason: str = "") -> None:
        if not self._closed:
            self._closed = True
            await self._connection.write(encode_frame(Opcode.CLOSE, close_payload(code, reason)))

    def write_eof(self) -> None:
        """Nothing: a websocket has no half-close; ``finish`` ends it."""

    def close(self) -> None:
        """End both directions."""
        self._closed = True
        self._connection.close()
