"""Kept answers of name servers."""

from boxship.engine.networks.dns import parse_service
from boxship.engine.networks.dnscache import _ENTRIES, AnswerCache
from boxship.wire import dns

SERVERS = ("192.0.2.2",)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ask(name: str, query_id: int = 7) -> tuple[dns.Query, bytes]:
    data = dns.encode_query(query_id, name, dns.TYPE_A)
    return dns.parse_query(data), data


def keep(cache: AnswerCache, name: str, ttl_s: int = 60) -> bytes:
    query, data = ask(name)
    answer = dns.encode_answer(query, 0, [dns.address_record("192.0.2.1", ttl_s)])
    cache.keep(SERVERS, query, data, answer, tcp=False)
    return answer


def test_an_answer_is_kept_for_its_time() -> None:
    clock = Clock()
    cache = AnswerCache(clock)
    keep(cache, "example.org")
    clock.now += 59
    query, data = ask("EXAMPLE.org", 8)
    found = cache.find(SERVERS, query, data, tcp=False)
    assert found == dns.encode_answer(query, 0, [dns.address_record("192.0.2.1", 1)])
    clock.now += 1
    assert cache.find(SERVERS, query, data, tcp=False) is None
    assert len(cache) == 0


def test_others_servers_and_transports_are_other_questions() -> None:
    cache = AnswerCache(Clock())
    keep(cache, "example.org")
    query, data = ask("example.org")
    assert cache.find(("192.0.2.3",), query, data, tcp=False) is None
    assert cache.find(SERVERS, query, data, tcp=True) is None
    checking = data[:3] + b"\x10" + data[4:]
    assert cache.find(SERVERS, dns.parse_query(checking), checking, tcp=False) is None
    assert cache.find(SERVERS, query, data, tcp=False) is not None


def test_a_flood_does_not_grow_it() -> None:
    cache = AnswerCache(Clock())
    for number in range(_ENTRIES + 10):
        keep(cache, f"n{number}.example.org")
    assert len(cache) == _ENTRIES
    query, data = ask("n0.example.org")
    assert cache.find(SERVERS, query, data, tcp=False) is None


def test_names_of_services() -> None:
    assert parse_service("_8080._tcp.web") == (8080, "web")
    assert parse_service("_domain._udp.web.mine") == (53, "web.mine")
    for name in ("web", "_99999._tcp.web", "_80._sctp.web", "_80._tcp", "_no-such._tcp.web"):
        assert parse_service(name)[0] == 0
