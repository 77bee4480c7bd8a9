"""Byte ranges: ``Range`` of a download (RFC 9110), ``Content-Range`` of an upload's piece."""

import re
from typing import Final

from boxship.engine.registry.server.faults import RangeInvalidError, UploadInvalidError

_DIGITS: Final = r"[0-9]{1,18}"
_PIECE: Final = re.compile(rf"(?:bytes[ =])?({_DIGITS})-({_DIGITS})(?:/(?:\*|{_DIGITS}))?")
_WANTED: Final = re.compile(rf"bytes=({_DIGITS})?-({_DIGITS})?")


def wanted_range(header: str, size: int) -> tuple[int, int] | None:
    """Return offset and length of the asked part of ``size`` bytes; None: all of it.

    Several ranges, other units and what cannot be read are answered with the whole, as RFC 9110
    allows. Raises RangeInvalidError for a range that no byte is in.
    """
    match = _WANTED.fullmatch(header.replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if first is None:
        start, end = max(0, size - int(last)), size
    else:
        start = int(first)
        end = size if last is None else min(int(last) + 1, size)
    if start >= end:
        raise RangeInvalidError(
            f"the range {header!r} holds no byte of the {size} that there are", {"size": size}
        )
    return start, end - start


def piece_start(header: str, length: str) -> int | None:
    """Return the first byte's place in an upload from Content-Range; None: at the end.

    header: ``0-1023`` as the specification writes it, or with RFC 9110's unit and total. length:
    the Content-Length header, empty if there is none. Raises UploadInvalidError for a header that
    cannot be read, RangeInvalidError for one that contradicts the length.
    """
    if not header:
        return None
    match = _PIECE.fullmatch(header.strip())
    if match is None:
        raise UploadInvalidError(
            f"invalid Content-Range {header[:80]!r}: it must be <first byte>-<last byte>"
        )
    start, last = int(match[1]), int(match[2])
    if last < start or (length.isdecimal() and int(length) != last - start + 1):
        raise RangeInvalidError(
            f"Content-Range {header[:80]!r} does not fit the {length or 'unknown'} bytes sent"
        )
    return start
