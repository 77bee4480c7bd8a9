"""How long answers may be kept."""

import struct

import pytest

from boxship.wire import dns
from boxship.wire.dnsage import aged, lifetime_s

QUERY = dns.parse_query(dns.encode_query(7, "example.org", dns.TYPE_A))


def answer(*ttls: int, rcode: int = 0) -> bytes:
    return dns.encode_answer(QUERY, rcode, [dns.address_record("192.0.2.1", t) for t in ttls])


def negative(soa_ttl_s: int, minimum_s: int) -> bytes:
    """NXDOMAIN with the zone's SOA among the authorities."""
    data = b"\0\0" + struct.pack("!IIIII", 1, 2, 3, 4, minimum_s)
    body = b"\xc0\x0c" + struct.pack("!HHIH", 6, 1, soa_ttl_s, len(data)) + data
    head = struct.pack("!HHHHHH", 7, 0x8183, 1, 0, 1, 0)
    return head + QUERY.question + body


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (answer(300, 60), 60),
        (answer(0), 0),
        (answer(), 0),
        (answer(60, rcode=dns.RCODE_SERVFAIL), 0),
        (negative(900, 30), 30),
        (negative(10, 30), 10),
        (answer(60)[:-3], 0),
        (answer(60)[:2] + b"\x82" + answer(60)[3:], 0),
        (b"short", 0),
    ],
)
def test_lifetimes(data: bytes, seconds: int) -> None:
    assert lifetime_s(data) == seconds


def test_ttls_shrink_and_end_at_nothing() -> None:
    assert aged(answer(300, 60), 50) == answer(250, 10)
    assert aged(answer(300, 60), 100) == answer(200, 0)


def test_the_size_in_edns_is_no_ttl() -> None:
    query = dns.parse_query(
        dns.encode_query(7, "a.b", 1)[:10]
        + b"\0\1"
        + dns.encode_query(7, "a.b", 1)[12:]
        + b"\0"
        + struct.pack("!HHIH", dns.TYPE_OPT, 1232, 0, 0)
    )
    data = dns.encode_answer(query, 0, [dns.address_record("192.0.2.1", 60)])
    assert lifetime_s(data) == 60
    assert aged(data, 60)[-11:] == data[-11:]
