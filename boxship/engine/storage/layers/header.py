"""Decoding one 512-byte tar header block (tar(5): v7, ustar, GNU)."""

import re
import struct
import zlib

from boxship.engine.storage.errors import CorruptLayerError
from boxship.engine.storage.layers.entry import (
    BLOCK_DEVICE,
    CHAR_DEVICE,
    DIRECTORY,
    FILE,
    FILE_V7,
    Entry,
)

BLOCK = 512
_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_CHECKSUM = slice(148, 156)
_BLANK_CHECKSUM = 8 * ord(" ")
_ADLER_MODULUS = 65521
_OCTAL = re.compile(rb"[ \0]*([0-7]*)[ \0]*")
_GNU_MAGIC = b"ustar  \0"
_USTAR_MAGIC = b"ustar"
_DEVICES = (CHAR_DEVICE, BLOCK_DEVICE)
_NS = 1_000_000_000
ZERO_BLOCK = bytes(BLOCK)


def parse_header(block: bytes) -> Entry:
    """Return the entry of a header block; CorruptLayerError where it is none.

    The checksum's low 16 bits come from adler32, whose first half is the sum of the bytes: adding
    512 numbers in a loop would cost more than all the rest.
    """
    (
        name, mode, uid, gid, size, mtime, checksum, kind, link,
        magic, _uname, _gname, major, minor, prefix,
    ) = _HEADER.unpack(block)  # fmt: skip
    _check_sum(block, checksum)
    name = name.partition(b"\0")[0]
    if magic.startswith(_USTAR_MAGIC) and magic != _GNU_MAGIC:
        prefix = prefix.partition(b"\0")[0]
        if prefix:
            name = prefix + b"/" + name
    if kind == FILE_V7:
        kind = DIRECTORY if name.endswith(b"/") else FILE
    return Entry(
        name=name,
        type=kind,
        mode=parse_number(mode) & 0o7777,
        uid=parse_number(uid),
        gid=parse_number(gid),
        size=_not_negative(parse_number(size)),
        mtime_ns=parse_number(mtime) * _NS,
        link=link.partition(b"\0")[0],
        major=parse_number(major) if kind in _DEVICES else 0,
        minor=parse_number(minor) if kind in _DEVICES else 0,
    )


def parse_number(field: bytes) -> int:
    """Return the value of a numeric field: octal digits, or base-256 with the high bit set."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big", signed=False)
        bits = 8 * len(field)
        value &= (1 << (bits - 1)) - 1
        if field[0] & 0x40:  # base-256 is two's complement without the marker bit
            value -= 1 << (bits - 1)
        return value
    try:
        return int(field.rstrip(b"\0 ") or b"0", 8)
    except ValueError:
        return _parse_padded(field)


def parse_old_sparse(block: bytes) -> tuple[list[tuple[int, int]], bool, int]:
    """Return runs, whether extension blocks follow, and real size of an old GNU sparse header."""
    return (
        parse_sparse_runs(block, 386, 4),
        block[482] != 0,
        _not_negative(parse_number(block[483:495])),
    )


def parse_sparse_runs(block: bytes, start: int, count: int) -> list[tuple[int, int]]:
    """Return up to ``count`` pairs of 12-byte offset and length; an empty one ends them."""
    runs = []
    for position in range(start, start + 24 * count, 24):
        if block[position] == 0:
            break
        offset = parse_number(block[position : position + 12])
        length = parse_number(block[position + 12 : position + 24])
        runs.append((_not_negative(offset), _not_negative(length)))
    return runs


def _parse_padded(field: bytes) -> int:
    match = _OCTAL.match(field)
    if match is None or (match.end() < len(field) and field[match.end()] > 0x7F):
        raise CorruptLayerError(f"invalid tar header: number field {field!r}")
    if match.end() < len(field) and field[match.end() - 1 : match.end()] not in (b" ", b"\0"):
        raise CorruptLayerError(f"invalid tar header: number field {field!r}")
    return int(match[1] or b"0", 8)


def _check_sum(block: bytes, field: bytes) -> None:
    wanted = parse_number(field)
    total = (zlib.adler32(block) & 0xFFFF) - 1
    total += _BLANK_CHECKSUM - sum(field)
    if (wanted - total) % _ADLER_MODULUS == 0:
        return
    if wanted != _signed_sum(block):
        raise CorruptLayerError("invalid tar header: the checksum does not match")


def _signed_sum(block: bytes) -> int:
    """The sum as old tars on machines with signed characters wrote it."""
    blanked = block[: _CHECKSUM.start] + b" " * 8 + block[_CHECKSUM.stop :]
    return sum(byte - 256 if byte > 127 else byte for byte in blanked)


def _not_negative(value: int) -> int:
    if value < 0:
        raise CorruptLayerError(f"invalid tar header: negative size {value}")
    return value
