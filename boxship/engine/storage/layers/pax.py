"""Extended headers: POSIX pax records, with the keywords of GNU, star (SCHILY) and libarchive."""

import base64
import binascii
from decimal import Decimal, InvalidOperation
from urllib.parse import unquote_to_bytes

from boxship.engine.storage.errors import CorruptLayerError
from boxship.engine.storage.layers.entry import Entry

Records = list[tuple[bytes, bytes]]
"""Keyword and value in their order: sparse maps repeat keywords."""

_SCHILY_XATTR = b"SCHILY.xattr."
_LIBARCHIVE_XATTR = b"LIBARCHIVE.xattr."
_MAX_RUNS = 1_000_000


def parse_records(data: bytes) -> Records:
    """Return the records of ``LENGTH KEYWORD=VALUE\\n``; CorruptLayerError if malformed."""
    records: Records = []
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 20)
        if space < 0 or not data[position:space].isdigit():
            if not data[position:].strip(b"\0"):  # some writers pad with NULs
                break
            raise CorruptLayerError("invalid pax header: a record has no length")
        end = position + int(data[position:space])
        keyword, separator, value = data[space + 1 : end - 1].partition(b"=")
        if end > len(data) or end <= space + 1 or data[end - 1] != 0x0A or not separator:
            raise CorruptLayerError("invalid pax header: a record's length is wrong")
        records.append((keyword, value))
        position = end
    return records


def apply_records(entry: Entry, records: Records) -> None:
    """Let extended header records override the entry's fields. Those with an empty value do not."""
    sparse: dict[bytes, bytes] = {}
    runs: list[int] = []
    for keyword, value in records:
        if keyword.startswith((_SCHILY_XATTR, _LIBARCHIVE_XATTR)):
            _apply_xattr(entry, keyword, value)
        elif keyword in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            runs.append(_number(keyword, value))
        elif keyword.startswith(b"GNU.sparse."):
            sparse[keyword[len(b"GNU.sparse.") :]] = value
        elif value:
            _apply_field(entry, keyword, value)
    if sparse or runs:
        _apply_sparse(entry, sparse, runs)


def parse_runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Pair offsets with lengths."""
    if len(numbers) % 2 or len(numbers) > 2 * _MAX_RUNS:
        raise CorruptLayerError("invalid sparse file map")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _apply_field(entry: Entry, keyword: bytes, value: bytes) -> None:
    if keyword == b"path":
        entry.name = value
    elif keyword == b"linkpath":
        entry.link = value
    elif keyword == b"size":
        entry.size = _number(keyword, value)
    elif keyword == b"uid":
        entry.uid = _number(keyword, value)
    elif keyword == b"gid":
        entry.gid = _number(keyword, value)
    elif keyword == b"mtime":
        entry.mtime_ns = _nanoseconds(value)


def _apply_xattr(entry: Entry, keyword: bytes, value: bytes) -> None:
    if keyword.startswith(_SCHILY_XATTR):
        name = keyword[len(_SCHILY_XATTR) :].replace(b"%3D", b"=").replace(b"%25", b"%")
    else:
        name = unquote_to_bytes(keyword[len(_LIBARCHIVE_XATTR) :])
        try:
            value = base64.b64decode(value + b"=" * (-len(value) % 4))
        except binascii.Error as error:
            raise CorruptLayerError(f"invalid pax header: attribute {name!r}: {error}") from None
    if not name or b"\0" in name:
        raise CorruptLayerError(f"invalid pax header: attribute name {name!r}")
    if entry.xattrs is None:
        entry.xattrs = {}
    entry.xattrs[name.decode(errors="surrogateescape")] = value


def _apply_sparse(entry: Entry, records: dict[bytes, bytes], numbers: list[int]) -> None:
    """GNU sparse formats 0.0 (repeated keywords), 0.1 (map), 1.0 (the map precedes the data)."""
    entry.name = records.get(b"name", entry.name)
    size = records.get(b"realsize", records.get(b"size", b""))
    entry.real_size = _number(b"GNU.sparse.size", size) if size else entry.size
    if records.get(b"major") == b"1":
        entry.sparse = []  # read by the reader from the data
        return
    if b"map" in records:
        numbers = [_number(b"GNU.sparse.map", part) for part in records[b"map"].split(b",") if part]
    entry.sparse = parse_runs(numbers) or [(0, 0)]


def _number(keyword: bytes, value: bytes) -> int:
    if not value.isdigit() or len(value) > 20:
        raise CorruptLayerError(f"invalid pax header: {keyword.decode()} is {value[:40]!r}")
    return int(value)


def _nanoseconds(value: bytes) -> int:
    if len(value) > 64:
        raise CorruptLayerError("invalid pax header: a time is too long")
    try:
        return int(Decimal(value.decode("ascii")) * 1_000_000_000)
    except (InvalidOperation, UnicodeDecodeError, ValueError, OverflowError):
        raise CorruptLayerError(f"invalid pax header: time {value!r}") from None
