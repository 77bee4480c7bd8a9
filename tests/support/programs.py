"""Programs for other processors, made by hand."""

import struct

_BASE = 0x400000
_WRITE, _EXIT = 64, 93
_HEADERS = 64 + 56


def arm64_program(says: bytes) -> bytes:
    """A static arm64 program that writes some bytes to its standard output and succeeds."""
    code = struct.pack(
        "<8I",
        _mov(0, 1),
        _adr(1, 7 * 4),
        _mov(2, len(says)),
        _mov(8, _WRITE),
        _SVC,
        _mov(0, 0),
        _mov(8, _EXIT),
        _SVC,
    )
    size = _HEADERS + len(code) + len(says)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    entry = _BASE + _HEADERS
    header = struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x10000)
    return ident + header + segment + code + says


_SVC = 0xD4000001


def _mov(register: int, number: int) -> int:
    """``movz Xregister, #number``"""
    return 0xD2800000 | number << 5 | register


def _adr(register: int, ahead: int) -> int:
    """``adr Xregister, . + ahead``"""
    return 0x10000000 | (ahead & 3) << 29 | (ahead >> 2) << 5 | register
