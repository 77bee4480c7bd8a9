"""The WebSocket protocol (RFC 6455), server side, without IO."""

import base64
import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MAX_PAYLOAD: Final = 16 * 1024 * 1024
"""Bytes a peer may put in one frame."""


class Opcode(IntEnum):
    """Kinds of frames."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class WebsocketError(Exception):
    """The peer breaks the protocol; ``code`` is the status to close with (RFC 6455, 7.4.1)."""

    def __init__(self, message: str, code: int = 1002) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, unmasked."""

    opcode: Opcode
    payload: bytes
    final: bool = True


def accept_key(key: str) -> str:
    """Return Sec-WebSocket-Accept for a client's Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1(key.encode("ascii") + _MAGIC).digest()).decode()


def encode_frame(opcode: Opcode, payload: bytes | memoryview = b"") -> bytes:
    """Return one whole frame as a server sends it: final, without a mask."""
    size = len(payload)
    first = 0x80 | opcode
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


def close_payload(code: int, reason: str = "") -> bytes:
    """Return the payload of a close frame; the reason is cut to what fits."""
    return code.to_bytes(2, "big") + reason.encode()[:123]


class FrameDecoder:
    """Takes a client's bytes as they arrive and gives whole frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that ``data`` completes. Raises WebsocketError."""
        self._buffer += data
        frames = []
        while (frame := self._take()) is not None:
            frames.append(frame)
        return frames

    def _take(self) -> Frame | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        opcode = _opcode(buffer[0])
        final = bool(buffer[0] & 0x80)
        if not buffer[1] & 0x80:
            raise WebsocketError("a client's frame must be masked")
        size, position = buffer[1] & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(buffer) < position + width:
                return None
            size = int.from_bytes(buffer[position : position + width], "big")
            position += width
        _check(opcode, final, size)
        end = position + 4 + size
        if len(buffer) < end:
            return None
        mask = bytes(buffer[position : position + 4])
        payload = _unmask(bytes(buffer[position + 4 : end]), mask)
        del buffer[:end]
        return Frame(opcode, payload, final)


def _opcode(first: int) -> Opcode:
    if first & 0x70:
        raise WebsocketError("reserved bits are set, but no extension was agreed on")
    try:
        return Opcode(first & 0x0F)
    except ValueError:
        raise WebsocketError(f"unknown opcode {first & 0x0F}") from None


def _check(opcode: Opcode, final: bool, size: int) -> None:
    if opcode >= Opcode.CLOSE and (size > 125 or not final):
        raise WebsocketError("a control frame must be short and whole")
    if size > MAX_PAYLOAD:
        raise WebsocketError(f"a frame of {size} bytes is too long", code=1009)


def _unmask(payload: bytes, mask: bytes) -> bytes:
    """XOR with the repeated mask, as one number: byte by byte would be slow."""
    size = len(payload)
    repeated = (mask * (size // 4 + 1))[:size]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return number.to_bytes(size, "big")
