"""How long answers of name servers may be kept, and what they say then (RFC 1035, RFC 2308)."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

_HEADER = struct.Struct("!HHHHHH")
_RECORD_HEAD = struct.Struct("!HHIH")
_QUESTION_TAIL = 4
_TTL_OFFSET = 4
"""Of the TTL in a record's head, behind type and class."""
_POINTER = 0xC0
_TC = 0x0200
_NOERROR, _NXDOMAIN = 0, 3
_SOA, _OPT = 6, 41
_SECTIONS = 3


class _Place(NamedTuple):
    """Where a record's head is, and what it says."""

    section: int
    """0: answers, 1: authorities, 2: additional."""
    head: int
    type: int
    ttl_s: int
    end: int


def lifetime_s(answer: bytes) -> int:
    """Return for how many seconds an answer is good; 0 for one that cannot be kept.

    The smallest TTL counts; of an answer without records, what the zone's SOA says. Failures,
    truncated answers and garbage are never kept.
    """
    try:
        _id, flags, *_ = _HEADER.unpack_from(answer)
        places = list(_records(answer))
    except (struct.error, IndexError):
        return 0
    if flags & _TC or flags & 0xF not in (_NOERROR, _NXDOMAIN):
        return 0
    ttls = [place.ttl_s for place in places]
    if flags & 0xF == _NXDOMAIN or not any(place.section == 0 for place in places):
        soa = next((place for place in places if place.type == _SOA), None)
        if soa is None:
            return 0
        ttls.append(int.from_bytes(answer[soa.end - 4 : soa.end], "big"))
    return min(ttls, default=0)


def aged(answer: bytes, seconds: int) -> bytes:
    """Return a kept answer as it is after ``seconds``: with smaller TTLs."""
    changed = bytearray(answer)
    for place in _records(answer):
        struct.pack_into("!I", changed, place.head + _TTL_OFFSET, max(0, place.ttl_s - seconds))
    return bytes(changed)


def _records(answer: bytes) -> Iterator[_Place]:
    """Yield the records, but for OPT, whose TTL is none. Raises struct.error and IndexError."""
    _id, _flags, questions, *counts = _HEADER.unpack_from(answer)
    offset = _HEADER.size
    for _ in range(questions):
        offset = _behind_name(answer, offset) + _QUESTION_TAIL
    for section in range(_SECTIONS):
        for _ in range(counts[section]):
            head = _behind_name(answer, offset)
            kind, _cls, ttl_s, length = _RECORD_HEAD.unpack_from(answer, head)
            offset = head + _RECORD_HEAD.size + length
            if offset > len(answer):
                raise IndexError("record cut short")
            if kind != _OPT:
                yield _Place(section, head, kind, ttl_s, offset)


def _behind_name(answer: bytes, offset: int) -> int:
    while length := answer[offset]:
        if length & _POINTER:
            return offset + 2
        offset += length + 1
    return offset + 1
