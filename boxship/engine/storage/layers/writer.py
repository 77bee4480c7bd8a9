"""Encoding tar headers: ustar, with pax records for what does not fit (POSIX.1-2017, pax)."""

import zlib
from functools import cache

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
    if _is_plain(entry, seconds):
        block = _block(entry, entry.name, b"", entry.link, seconds)
        return _time_header(entry.name, seconds, rest) + block if rest else block
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


def _is_plain(entry: Entry, seconds: int) -> bool:
    """Tell whether ustar holds everything but a fraction of a second: nearly always."""
    return (
        len(entry.name) <= _MAX_NAME
        and len(entry.link) <= _MAX_NAME
        and entry.size <= _OCTAL11
        and entry.uid <= _OCTAL7
        and entry.gid <= _OCTAL7
        and 0 <= seconds <= _OCTAL11
        and not entry.xattrs
    )


def _time_header(name: bytes, seconds: int, rest: int) -> bytes:
    """Return an extended header with a time alone, as the general way writes it."""
    text = (b"%d.%09d" % (seconds, rest)).rstrip(b"0")
    body = b"%d mtime=%b\n" % (len(text) + 10, text)
    name = (_PAX_NAME + name.rpartition(b"/")[2])[:_MAX_NAME].ljust(_MAX_NAME, b"\0")
    head = b"%b%b%011o%b" % (name, _TIME_OWNER, len(body), _TIME_MOMENT)
    total = _byte_sum(head) + _TIME_TAIL_SUM
    return b"%b%06o\0 %b%b" % (head, total, _TIME_TAIL, body.ljust(BLOCK, b"\0"))


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
        records[b"SCHILY.xattr." + _keyword(name)] = value
    return records


def _keyword(name: str) -> bytes:
    """Return an attribute's name for a keyword, which ends at ``=`` (GNU tar's way)."""
    return name.encode(errors="surrogateescape").replace(b"%", b"%25").replace(b"=", b"%3D")


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
    if not (link or prefix or device):
        tail, tail_sum = _short_tail(entry.type)
        return b"%b%06o\0 %b" % (head, _byte_sum(head) + tail_sum, tail)
    tail = _tail(
        entry.type,
        link,
        b"%07o\0" % entry.major if device else bytes(8),
        b"%07o\0" % entry.minor if device else bytes(8),
        prefix,
    )
    return b"%b%06o\0 %b" % (head, _byte_sum(head) + _tail_sum(tail), tail)


def _tail(kind: bytes, link: bytes, major: bytes, minor: bytes, prefix: bytes) -> bytes:
    """Return what follows the checksum in a header."""
    return b"%b%bustar\00000%b%b%b%b" % (
        kind,
        link.ljust(_MAX_NAME, b"\0"),
        bytes(64),
        major,
        minor,
        prefix.ljust(_MAX_PREFIX + 12, b"\0"),
    )


def _tail_sum(tail: bytes) -> int:
    """Return a tail's part of the checksum, with the eight spaces that stand for that itself."""
    return _byte_sum(tail[:200]) + _byte_sum(tail[200:]) + 8 * ord(" ")


@cache
def _short_tail(kind: bytes) -> tuple[bytes, int]:
    """Return the tail of a header without link, prefix and device, and its sum."""
    tail = _tail(kind, b"", bytes(8), bytes(8), b"")
    return tail, _tail_sum(tail)


def _byte_sum(data: bytes) -> int:
    """Add up to 256 bytes: adler32's lower half is 1 plus their sum, and far quicker than sum()."""
    return (zlib.adler32(data) & 0xFFFF) - 1


_TIME_OWNER = b"%07o\0%07o\0%07o\0" % (0o644, 0, 0)
_TIME_MOMENT = b"\0%011o\0" % 0
_TIME_TAIL, _TIME_TAIL_SUM = _short_tail(types.PAX_HEADER)
