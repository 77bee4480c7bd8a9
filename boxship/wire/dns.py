"""DNS messages: reading questions and writing answers (RFC 1035, RFC 6891 for EDNS)."""

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass

TYPE_A = 1
TYPE_PTR = 12
TYPE_AAAA = 28
TYPE_SRV = 33
TYPE_OPT = 41
TYPE_ANY = 255
CLASS_IN = 1

RCODE_NOERROR = 0
RCODE_FORMERR = 1
RCODE_SERVFAIL = 2
RCODE_NXDOMAIN = 3
RCODE_NOTIMP = 4

UDP_LIMIT = 512
"""Bytes of an answer over UDP when the client says nothing else (RFC 1035, 4.2.1)."""

_HEADER = struct.Struct("!HHHHHH")
_QUESTION_TAIL = struct.Struct("!HH")
_RECORD_HEAD = struct.Struct("!HHIH")
_QR, _AA, _TC, _RD, _RA = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
_OPCODE_MASK = 0x7800
_LABEL_LIMIT = 63
_NAME_LIMIT = 255
_POINTER = 0xC0
_NAME_OF_QUESTION = b"\xc0\x0c"
"""A compression pointer to the name right behind the header."""


class DnsFormatError(ValueError):
    """The bytes are no DNS query."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query with one question, as practically every resolver sends it."""

    id: int
    flags: int
    name: str
    """Lower case, without the final dot."""
    type: int
    cls: int
    question: bytes
    """The question as it came: answers repeat it, upper case and all."""
    udp_limit: int
    """Bytes of an answer that the client takes over UDP."""
    edns: bool

    @property
    def is_standard(self) -> bool:
        """Whether it is an ordinary look-up and no update, notification or status request."""
        return not self.flags & _OPCODE_MASK


@dataclass(frozen=True, slots=True)
class Record:
    """A record about the name asked for."""

    type: int
    data: bytes
    ttl_s: int


def address_record(address: str, ttl_s: int) -> Record:
    """Return an A or AAAA record."""
    packed = ipaddress.ip_address(address).packed
    return Record(TYPE_A if len(packed) == 4 else TYPE_AAAA, packed, ttl_s)


def pointer_record(name: str, ttl_s: int) -> Record:
    """Return a PTR record."""
    return Record(TYPE_PTR, encode_name(name), ttl_s)


def service_record(port: int, target: str, ttl_s: int) -> Record:
    """Return an SRV record (RFC 2782); all of a name are equal."""
    return Record(TYPE_SRV, struct.pack("!HHH", 0, 0, port) + encode_name(target), ttl_s)


def encode_name(name: str) -> bytes:
    """Encode a name. Raises DnsFormatError when a label or the whole is too long."""
    encoded = b""
    for label in filter(None, name.split(".")):
        raw = label.encode()
        if len(raw) > _LABEL_LIMIT:
            raise DnsFormatError(f"label too long in {name!r}")
        encoded += bytes([len(raw)]) + raw
    if len(encoded) >= _NAME_LIMIT:
        raise DnsFormatError(f"name too long: {name!r}")
    return encoded + b"\0"


def encode_query(query_id: int, name: str, kind: int) -> bytes:
    """Return a query that asks for recursion."""
    head = _HEADER.pack(query_id, _RD, 1, 0, 0, 0)
    return head + encode_name(name) + _QUESTION_TAIL.pack(kind, CLASS_IN)


def parse_query(data: bytes) -> Query:
    """Parse a query. Raises DnsFormatError for an answer, garbage, or several questions."""
    if len(data) < _HEADER.size:
        raise DnsFormatError("shorter than a header")
    query_id, flags, questions, answers, authorities, additional = _HEADER.unpack_from(data)
    if flags & _QR or questions != 1:
        raise DnsFormatError("not a query with one question")
    name, offset = _parse_name(data, _HEADER.size)
    if offset + _QUESTION_TAIL.size > len(data):
        raise DnsFormatError("question cut short")
    kind, cls = _QUESTION_TAIL.unpack_from(data, offset)
    offset += _QUESTION_TAIL.size
    edns_limit = _find_edns(data, offset, answers + authorities + additional)
    return Query(
        id=query_id,
        flags=flags,
        name=name,
        type=kind,
        cls=cls,
        question=data[_HEADER.size : offset],
        udp_limit=max(UDP_LIMIT, edns_limit or 0),
        edns=edns_limit is not None,
    )


def encode_answer(
    query: Query, rcode: int, records: Sequence[Record] = (), *, limit: int | None = None
) -> bytes:
    """Return an authoritative answer; longer than ``limit`` it is empty and marked truncated."""
    flags = _QR | _AA | _RA | (query.flags & (_RD | _OPCODE_MASK)) | rcode
    body = b"".join(
        _NAME_OF_QUESTION
        + _RECORD_HEAD.pack(record.type, CLASS_IN, record.ttl_s, len(record.data))
        + record.data
        for record in records
    )
    extra = b"\0" + _RECORD_HEAD.pack(TYPE_OPT, UDP_LIMIT * 8, 0, 0) if query.edns else b""
    count = len(records)
    if limit is not None and _HEADER.size + len(query.question + body + extra) > limit:
        flags, body, count = flags | _TC, b"", 0
    head = _HEADER.pack(query.id, flags, 1, count, 0, 1 if extra else 0)
    return head + query.question + body + extra


def is_answer_to(query: Query, data: bytes) -> bool:
    """Tell whether a datagram from a server answers this query: same id, same question."""
    if len(data) < _HEADER.size:
        return False
    answer_id, flags, questions, *_ = _HEADER.unpack_from(data)
    question = data[_HEADER.size : _HEADER.size + len(query.question)]
    same = questions == 0 or question.lower() == query.question.lower()
    return answer_id == query.id and bool(flags & _QR) and same


def rcode_of(data: bytes) -> int:
    """Return the response code of an answer."""
    flags: int = _HEADER.unpack_from(data)[1]
    return flags & 0xF


def address_of_reverse_name(name: str) -> str:
    """Return the address that ``2.0.17.172.in-addr.arpa`` asks about; empty when it is none."""
    labels = name.split(".")
    try:
        if labels[-2:] == ["in-addr", "arpa"] and len(labels) == 6:
            return str(ipaddress.IPv4Address(".".join(reversed(labels[:4]))))
        if labels[-2:] == ["ip6", "arpa"] and len(labels) == 34:
            return str(ipaddress.IPv6Address(bytes.fromhex("".join(reversed(labels[:32])))))
    except ValueError:
        pass
    return ""


def _parse_name(data: bytes, offset: int) -> tuple[str, int]:
    """Return a name and the offset behind it. In a question no pointer can be valid."""
    labels: list[str] = []
    start = offset
    while offset < len(data):
        length = data[offset]
        offset += 1
        if not length:
            return ".".join(labels), offset
        if length > _LABEL_LIMIT or offset + length > len(data) or offset - start > _NAME_LIMIT:
            raise DnsFormatError("bad name")
        labels.append(data[offset : offset + length].decode("utf-8", "replace").lower())
        offset += length
    raise DnsFormatError("name cut short")


def _find_edns(data: bytes, offset: int, records: int) -> int | None:
    """Return the size announced by an OPT record among those behind the question."""
    for _ in range(records):
        while offset < len(data) and data[offset]:
            if data[offset] & _POINTER:
                offset += 1
                break
            offset += data[offset] + 1
        offset += 1
        if offset + _RECORD_HEAD.size > len(data):
            return None
        kind, size, _ttl, length = _RECORD_HEAD.unpack_from(data, offset)
        if kind == TYPE_OPT:
            return int(size)
        offset += _RECORD_HEAD.size + length
    return None
