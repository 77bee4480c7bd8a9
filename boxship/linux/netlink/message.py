"""Netlink messages: header, attributes and their parsing (netlink(7), rtnetlink(7))."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = struct.Struct("=IHHII")
"""length, type, flags, sequence, port id"""
_ATTRIBUTE = struct.Struct("=HH")

NLMSG_ERROR = 2
NLMSG_DONE = 3

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_ROOT = 0x100
NLM_F_MATCH = 0x200
NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400

_NESTED = 0x8000
_TYPE_MASK = 0x3FFF


@dataclass(frozen=True, slots=True)
class Request:
    """One request without its header; the socket adds the sequence number."""

    type: int
    flags: int
    body: bytes
    what: str
    """What it does, for the error message: ``create link veth1a2b``."""


@dataclass(frozen=True, slots=True)
class Message:
    """One received message."""

    type: int
    flags: int
    sequence: int
    body: bytes


def attribute(kind: int, value: bytes) -> bytes:
    """Encode one attribute, padded to four bytes."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """Encode an attribute that holds attributes."""
    return attribute(kind | _NESTED, b"".join(attributes))


def u8(kind: int, value: int) -> bytes:
    """Encode an attribute of one byte."""
    return attribute(kind, value.to_bytes(1, "little"))


def u16(kind: int, value: int) -> bytes:
    """Encode an attribute of two bytes in host order."""
    return attribute(kind, struct.pack("=H", value))


def u32(kind: int, value: int) -> bytes:
    """Encode an attribute of four bytes in host order."""
    return attribute(kind, struct.pack("=I", value))


def text(kind: int, value: str) -> bytes:
    """Encode an attribute with a zero-terminated string."""
    return attribute(kind, value.encode() + b"\0")


def parse_attributes(data: bytes) -> dict[int, bytes]:
    """Decode a run of attributes into kind → value; a repeated kind keeps its last value."""
    found: dict[int, bytes] = {}
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE_MASK] = data[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return found


def parse_text(value: bytes) -> str:
    """Decode a zero-terminated string."""
    return value.rstrip(b"\0").decode(errors="replace")


def parse_messages(data: bytes) -> Iterator[Message]:
    """Split a datagram into its messages."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _port = HEADER.unpack_from(data, offset)
        if length < HEADER.size:
            return
        yield Message(kind, flags, sequence, data[offset + HEADER.size : offset + length])
        offset += (length + 3) & ~3
