"""DNS messages."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.wire import dns


def _with_edns(data: bytes, size: int) -> bytes:
    return data[:10] + b"\0\1" + data[12:] + b"\0" + struct.pack("!HHIH", 41, size, 0, 0)


def test_a_query_is_read() -> None:
    query = dns.parse_query(dns.encode_query(7, "Web.Example", dns.TYPE_AAAA))
    assert (query.id, query.name, query.type, query.cls) == (7, "web.example", 28, 1)
    assert (query.udp_limit, query.edns, query.is_standard) == (512, False, True)
    assert query.question.startswith(b"\x03Web\x07Example\0")


def test_edns_announces_a_size() -> None:
    query = dns.parse_query(_with_edns(dns.encode_query(7, "web", 1), 1232))
    assert (query.udp_limit, query.edns) == (1232, True)
    assert dns.encode_answer(query, 0)[10:12] == b"\0\1"


def test_an_answer_repeats_the_question() -> None:
    query = dns.parse_query(dns.encode_query(7, "WEB", dns.TYPE_A))
    answer = dns.encode_answer(query, dns.RCODE_NOERROR, [dns.address_record("10.0.0.1", 600)])
    assert dns.is_answer_to(query, answer)
    assert b"\x03WEB\0" in answer
    assert answer.endswith(b"\x00\x01\x00\x01\x00\x00\x02\x58\x00\x04\x0a\x00\x00\x01")
    assert not dns.is_answer_to(dns.parse_query(dns.encode_query(8, "WEB", 1)), answer)
    assert not dns.is_answer_to(query, dns.encode_query(7, "WEB", 1))


def test_a_long_answer_is_truncated() -> None:
    query = dns.parse_query(dns.encode_query(7, "web", 1))
    records = [dns.address_record(f"10.0.0.{n}", 1) for n in range(100)]
    answer = dns.encode_answer(query, 0, records, limit=query.udp_limit)
    assert len(answer) <= 512
    assert struct.unpack_from("!H", answer, 2)[0] & 0x0200
    assert len(dns.encode_answer(query, 0, records)) > 512


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("2.0.17.172.in-addr.arpa", "172.17.0.2"),
        (".".join("2" + "0" * 23 + "8bd01002") + ".ip6.arpa", "2001:db8::2"),
        ("2.0.17.in-addr.arpa", ""),
        ("x.0.17.172.in-addr.arpa", ""),
        ("web", ""),
    ],
)
def test_reverse_names(name: str, address: str) -> None:
    assert dns.address_of_reverse_name(name) == address


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 12,
        dns.encode_query(1, "web", 1)[:-3],
        dns.encode_query(1, "web", 1)[:14],
        b"\0\1\x80\0" + dns.encode_query(1, "web", 1)[4:],
        dns.encode_query(1, "web", 1)[:12] + b"\xc0\x0c\0\1\0\1",
    ],
)
def test_what_is_no_query_is_refused(data: bytes) -> None:
    with pytest.raises(dns.DnsFormatError):
        dns.parse_query(data)


@given(st.binary(max_size=600))
def test_no_bytes_do_harm(data: bytes) -> None:
    for candidate in (data, dns.encode_query(1, "web", 1) + data):
        try:
            query = dns.parse_query(candidate)
        except dns.DnsFormatError:
            continue
        assert dns.is_answer_to(query, dns.encode_answer(query, dns.RCODE_NXDOMAIN))


def test_names_that_are_too_long_are_refused() -> None:
    with pytest.raises(dns.DnsFormatError):
        dns.encode_name("a" * 64)
    with pytest.raises(dns.DnsFormatError):
        dns.encode_name(".".join(["a" * 60] * 5))
