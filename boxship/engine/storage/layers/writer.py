"""Encoding tar headers: ustar, with pax records for what does not fit (POSIX.1-2017, pax)."""

import zlib

from boxship.engine.storage.layers import entry as types
from boxship.engine.storage.layers.entry import Entry
from boxship.engine.storage.layers.header import BLOCK

END = bytes(2 * BLOCK)
"""What ends an archive."""
_NS = 1_000_000_000
_PAX_NAME = b"PaxHeaders/"
_MAX_NAME = 100
_MAX_PREFIX = 155
_OCTAL7 = 0o7777777
_OCTAL11 = 0o77777777777


def encode_header(entry: Entry) -> bytes:
    """Return the header blocks of an entry. The same entry always gives the same bytes."""
    seconds, rest = divmod(entry.mtime_ns, _NS)
    records = _records(entry, seconds, rest)
    if not records:
        prefix, name = split_name(entry.name) or (b"", b"")
        return _block(entry, name, prefix, entry.link, seconds)
    body = b"".join(_record(keyword, value) for keyword, value in sorted(records.items()))
    extended = Entry(
        name=(_PAX_NAME + entry.name.rpartition(b"/")[2])[:_MAX_NAME],
        type=types.PAX_HEADER,
        mode=0o644,
        uid=0,
        gid=0,
        size=len(body),
        mtime_ns=0,
    )
    prefix, name = split_name(entry.name) or (b"", entry.name[:_MAX_NAME])
    return (
        _block(extended, extended.name, b"", b"", 0)
        + body
        + padding(len(body))
        + _block(entry, name, prefix, entry.link[:_MAX_NAME], seconds)
    )


def padding(size: int) -> bytes:
    """Return the zeros that fill ``size`` bytes of data up to a block."""
    return bytes(-size % BLOCK)


def split_name(name: bytes) -> tuple[bytes, bytes] | None:
    """Return ustar's prefix and name, or None for a name that they cannot hold."""
    if len(name) <= _MAX_NAME:
        return b"", name
    if len(name) > _MAX_NAME + 1 + _MAX_PREFIX:
        return None
    cut = name.rfind(b"/", 0, _MAX_PREFIX + 1)
    if cut <= 0 or not 0 < len(name) - cut - 1 <= _MAX_NAME:
        return None
    return name[:cut], name[cut + 1 :]


def _records(entry: Entry, seconds: int, rest: int) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    if split_name(entry.name) is None:
        records[b"path"] = entry.name
    if len(entry.link) > _MAX_NAME:
        records[b"linkpath"] = entry.link
    if entry.size > _OCTAL11:
        records[b"size"] = b"%d" % entry.size
    if entry.uid > _OCTAL7:
        records[b"uid"] = b"%d" % entry.uid
    if entry.gid > _OCTAL7:
        records[b"gid"] = b"%d" % entry.gid
    if rest or not 0 <= seconds <= _OCTAL11:
        records[b"mtime"] = _time(entry.mtime_ns)
    for name, value in (entry.xattrs or {}).items():
        records[b"SCHILY.xattr." + name.encode(errors="surrogateescape")] = value
    return records


def _record(keyword: bytes, value: bytes) -> bytes:
    """Return one record; its length counts its own digits."""
    body = b" " + keyword + b"=" + value + b"\n"
    length = len(body)
    while length != len(body) + len(str(length)):
        length = len(body) + len(str(length))
    return b"%d" % length + body


def _time(time_ns: int) -> bytes:
    sign = b"-" if time_ns < 0 else b""
    seconds, rest = divmod(abs(time_ns), _NS)
    text = b"%b%d.%09d" % (sign, seconds, rest)
    return text.rstrip(b"0").rstrip(b".")


def _block(entry: Entry, name: bytes, prefix: bytes, link: bytes, seconds: int) -> bytes:
    device = entry.type in (types.CHAR_DEVICE, types.BLOCK_DEVICE)
    head = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name.ljust(_MAX_NAME, b"\0"),
        entry.mode,
        entry.uid if entry.uid <= _OCTAL7 else 0,
        entry.gid if entry.gid <= _OCTAL7 else 0,
        entry.size if entry.size <= _OCTAL11 else 0,
        seconds if 0 <= seconds <= _OCTAL11 else 0,
    )
    tail = b"%b%bustar\00000%b%b%b%b" % (
        entry.type,
        link.ljust(_MAX_NAME, b"\0"),
        bytes(64),
        b"%07o\0" % entry.major if device else bytes(8),
        b"%07o\0" % entry.minor if device else bytes(8),
        prefix.ljust(_MAX_PREFIX + 12, b"\0"),
    )
    total = _byte_sum(head) + _byte_sum(tail[:200]) + _byte_sum(tail[200:]) + 8 * ord(" ")
    return b"%b%06o\0 %b" % (head, total, tail)


def _byte_sum(data: bytes) -> int:
    """Add up to 256 bytes: adler32's lower half is 1 plus their sum, and far quicker than sum()."""
    return (zlib.adler32(data) & 0xFFFF) - 1
