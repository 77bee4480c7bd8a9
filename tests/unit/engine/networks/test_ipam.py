"""Subnets and addresses."""

import ipaddress
from collections.abc import Iterable

import pytest

from boxship.engine.config import AddressPool
from boxship.engine.networks import ipam
from boxship.engine.networks.network import Network, Pool
from boxship.errors import ForbiddenError, InternalError, InvalidParameterError


def nets(*texts: str) -> Iterable[ipam.Subnet]:
    return [ipaddress.ip_network(text) for text in texts]


def network(*pools: Pool) -> Network:
    return Network(
        id="ab" * 32, name="n", driver="bridge", scope="local", created_at_ns=1, pools=pools
    )


POOLS = (AddressPool(base="10.0.0.0/23", size=24), AddressPool(base="10.9.0.0/24", size=24))


def named(*texts: str) -> list[tuple[str, ipam.Subnet]]:
    return [("somebody", net) for net in nets(*texts)]


@pytest.mark.parametrize(
    ("taken", "chosen"),
    [
        ((), "10.0.0.0/24"),
        (("10.0.0.0/24",), "10.0.1.0/24"),
        (("10.0.0.128/25",), "10.0.1.0/24"),
        (("10.0.0.0/8",), None),
        (("10.0.0.0/23",), "10.9.0.0/24"),
        (("0.0.0.0/0",), "10.0.0.0/24"),
        (("10.0.1.0/24",), "10.0.0.0/24"),
        (("fd00::/8",), "10.0.0.0/24"),
    ],
)
def test_the_first_free_subnet_is_chosen(taken: tuple[str, ...], chosen: str | None) -> None:
    if chosen is None:
        with pytest.raises(InternalError, match="all predefined address pools"):
            ipam.choose_subnet(POOLS, named(*taken), 4)
    else:
        assert str(ipam.choose_subnet(POOLS, named(*taken), 4)) == chosen


def test_the_error_names_what_is_in_the_way() -> None:
    taken = [(f"network n{n}", ipam.parse_subnet(f"10.0.0.{n * 16}/28")) for n in range(7)]
    taken.append(("the host's route to 10.0.0.0/8", ipam.parse_subnet("10.0.0.0/8")))
    with pytest.raises(InternalError) as refused:
        ipam.choose_subnet(POOLS, taken, 4)
    words = "(in the way: the host's route to 10.0.0.0/8, network n0, network n1, "
    assert words in str(refused.value)
    assert str(refused.value).endswith(" and 3 more)")


def test_the_default_pools_hold_hundreds_of_networks() -> None:
    taken: list[tuple[str, ipam.Subnet]] = []
    for _ in range(600):
        taken.append(("network", ipam.choose_subnet(ipam.DEFAULT_POOLS, taken, 4)))
    assert len({str(net) for _, net in taken}) == 600
    assert str(taken[0][1]) == "172.18.0.0/24"


def test_ipv6_subnets_are_local_and_stable() -> None:
    pool = ipam.local_ipv6_pool("engine")
    assert pool == ipam.local_ipv6_pool("engine")
    assert ipam.choose_subnet([pool], (), 6).subnet_of(ipaddress.IPv6Network("fd00::/8"))  # type: ignore[arg-type]


def test_a_gateway_is_the_first_address_not_set_aside() -> None:
    pool = ipam.check_pool(Pool(subnet="10.1.0.0/24", aux_addresses={"x": "10.1.0.1"}), ())
    assert pool.gateway == "10.1.0.2"


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        (Pool(subnet="10.1.0.7/24"), "it should be 10.1.0.0/24"),
        (Pool(subnet="nonsense"), "invalid subnet"),
        (Pool(subnet="10.1.0.0/24", ip_range="10.2.0.0/25"), "invalid ip-range"),
        (Pool(subnet="10.1.0.0/24", gateway="10.2.0.1"), "invalid gateway"),
        (Pool(subnet="10.1.0.0/24", gateway="x"), "invalid IP address"),
        (Pool(subnet="10.1.0.0/24", aux_addresses={"a": "10.2.0.1"}), "invalid auxiliary"),
    ],
)
def test_bad_pools(pool: Pool, words: str) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        ipam.check_pool(pool, ())


def test_an_overlap_names_the_other() -> None:
    with pytest.raises(ForbiddenError, match=r"Pool overlaps .* of network web"):
        ipam.check_pool(
            Pool(subnet="10.1.0.0/25"), [("network web", ipaddress.ip_network("10.1.0.0/16"))]
        )


def test_addresses_are_given_lowest_first_and_come_back() -> None:
    book, net = ipam.AddressBook(), network(Pool(subnet="10.1.0.0/29", gateway="10.1.0.1"))
    book.add_network(net)
    given = [str(book.allocate(net, 4)) for _ in range(5)]
    assert given == [f"10.1.0.{n}/29" for n in (2, 3, 4, 5, 6)]
    with pytest.raises(InternalError, match="no available IPv4 addresses"):
        book.allocate(net, 4)
    book.release(net.id, "10.1.0.4")
    assert str(book.allocate(net, 4)) == "10.1.0.4/29"
    assert book.allocate(net, 6) is None


def test_static_addresses_and_ranges() -> None:
    pool = Pool(subnet="10.1.0.0/24", gateway="10.1.0.1", ip_range="10.1.0.240/28")
    book, net = ipam.AddressBook(), network(pool)
    book.add_network(net)
    assert str(book.allocate(net, 4)) == "10.1.0.240/24"
    assert str(book.allocate(net, 4, "10.1.0.9")) == "10.1.0.9/24"
    with pytest.raises(ForbiddenError, match="Address already in use"):
        book.allocate(net, 4, "10.1.0.1")
    with pytest.raises(InvalidParameterError, match="no configured subnet"):
        book.allocate(net, 4, "10.2.0.9")


def test_macs_follow_docker() -> None:
    assert ipam.mac_from_ipv4("172.17.0.2") == "02:42:ac:11:00:02"
