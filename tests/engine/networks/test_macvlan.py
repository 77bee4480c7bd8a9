"""Networks on an interface of the host: macvlan, and what a kernel without ipvlan and VLAN says."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from boxship.engine.networks.network import Network, NetworkSpec, Pool
from boxship.engine.networks.sandbox import EndpointSpec, PortSpec, Sandbox
from boxship.errors import (
    BoxshipError,
    ForbiddenError,
    InvalidParameterError,
    NotSupportedError,
)
from boxship.linux.netlink.link import kernel_has_kind
from boxship.linux.netlink.socket import RouteSocket
from tests.engine.networks.conftest import LAN_V4, Engine, Host, run
from tests.engine.networks.peers import ask, serve

ON_LAN = Pool(subnet="192.0.2.0/24", ip_range="192.0.2.64/26", gateway=LAN_V4)


async def reach(source: Path | str | None, address: str, port: int = 80) -> str:
    return await asyncio.to_thread(ask, source, address, port)


def inside(sandbox: Sandbox, *command: str) -> str:
    return run("nsenter", f"--net={sandbox.netns_path}", *command)


async def _lan(engine: Engine, name: str = "lan", **options: str) -> Network:
    spec = NetworkSpec(
        name=name, driver="macvlan", pools=(ON_LAN,), options={"parent": "eth0", **options}
    )
    return await engine.networks.create(spec)


async def test_a_container_is_a_neighbour_on_the_lan(engine: Engine, host: Host) -> None:
    await _lan(engine)
    web = await engine.start("web", networks=("lan",))
    other = await engine.start("other", networks=("lan",))
    endpoint = web.endpoints[0]
    assert (endpoint.ipv4, endpoint.gateway) == ("192.0.2.64", LAN_V4)
    assert f"default via {LAN_V4} dev eth0" in inside(web, "ip", "route")
    assert endpoint.mac_address in inside(web, "ip", "-d", "link", "show", "eth0")
    assert "macvlan mode bridge" in inside(web, "ip", "-d", "link", "show", "eth0")
    with serve(web.netns_path):
        assert await reach(host.lan, endpoint.ipv4) == f"hello {LAN_V4}"
        assert await reach(other.netns_path, endpoint.ipv4)
    with serve(host.lan):
        assert await reach(web.netns_path, LAN_V4) == f"hello {endpoint.ipv4}"


async def test_static_addresses_names_connect_and_disconnect(engine: Engine) -> None:
    network = await _lan(engine)
    web = await engine.start("web")
    wanted = EndpointSpec(network="lan", ipv4="192.0.2.7", mac_address="02:00:00:00:00:07")
    endpoint = await engine.networks.connect("lan", web.container_id, wanted)
    assert (endpoint.interface, endpoint.ipv4) == ("eth1", "192.0.2.7")
    assert "02:00:00:00:00:07" in inside(web, "ip", "link", "show", "eth1")
    # The bridge's name comes first: it stays the gateway, and ports stay published.
    assert "default via 172.17.0.1" in inside(web, "ip", "route")
    assert "web" in endpoint.dns_names
    assert [m.ipv4 for m in engine.networks.containers_of(network.id)] == ["192.0.2.7/24"]
    await engine.networks.disconnect("lan", web.container_id)
    assert "eth1" not in inside(web, "ip", "-o", "link")
    again = await engine.networks.connect("lan", web.container_id, wanted)
    assert again.ipv4 == "192.0.2.7"


async def test_ports_are_not_published_by_a_macvlan(engine: Engine) -> None:
    await _lan(engine)
    port = PortSpec(container_port=80, protocol="tcp", host_port=8080)
    web = await engine.start("web", port, networks=("lan",))
    assert web.ports == ()
    await engine.networks.connect(
        "bridge", web.container_id, EndpointSpec(network="", gateway_priority=1)
    )
    with serve(web.netns_path):
        assert await reach(None, "127.0.0.1", 8080)


async def test_modes(engine: Engine) -> None:
    for mode in ("bridge", "private", "vepa", "passthru"):
        await _lan(engine, macvlan_mode=mode)
        web = await engine.start("web", networks=("lan",))
        assert f"macvlan mode {mode}" in inside(web, "ip", "-d", "link", "show", "eth0")
        await engine.stop(web)
        await engine.networks.settle()
        await engine.networks.remove("lan")


async def test_private_neighbours_do_not_see_each_other(engine: Engine, host: Host) -> None:
    await _lan(engine, macvlan_mode="private")
    web = await engine.start("web", networks=("lan",))
    other = await engine.start("other", networks=("lan",))
    with serve(web.netns_path):
        assert await reach(host.lan, web.endpoints[0].ipv4)
        assert not await reach(other.netns_path, web.endpoints[0].ipv4)


async def test_without_a_parent_there_is_no_way_out(engine: Engine) -> None:
    spec = NetworkSpec(name="inner", driver="macvlan")
    network = await engine.networks.create(spec)
    parent = f"dm-{network.id[:12]}"
    assert f"{parent}@" in run("ip", "-o", "link") or f"{parent}:" in run("ip", "-o", "link")
    one = await engine.start("one", networks=("inner",))
    two = await engine.start("two", networks=("inner",))
    assert "default" not in inside(one, "ip", "route")
    with serve(one.netns_path):
        assert await reach(two.netns_path, one.endpoints[0].ipv4)
    await engine.stop(one)
    await engine.stop(two)
    await engine.networks.settle()
    await engine.networks.remove("inner")
    assert network.id[:12] not in run("ip", "-o", "link")


async def test_the_parent_outlives_a_restart_and_its_loss(engine: Engine) -> None:
    network = await engine.networks.create(NetworkSpec(name="inner", driver="macvlan"))
    parent = f"dm-{network.id[:12]}"
    await engine.kill()
    await engine.open()
    await engine.networks.restore({})
    assert parent in run("ip", "-o", "link")
    await engine.kill()
    run("ip", "link", "delete", parent)
    await engine.open()
    await engine.networks.restore({})
    one = await engine.start("one", networks=("inner",))
    assert "macvlan" in inside(one, "ip", "-d", "link", "show", "eth0")


def _macvlan(**options: str) -> NetworkSpec:
    return NetworkSpec(name="x", driver="macvlan", options=options)


REFUSED: list[tuple[NetworkSpec, type[BoxshipError], str]] = [
    (_macvlan(parent="nope"), InvalidParameterError, "invalid subinterface vlan name nope"),
    (_macvlan(parent="eth9.10"), InvalidParameterError, "was not found on the host: eth9"),
    (_macvlan(parent="eth0.5000"), InvalidParameterError, "between 1-4094, received: 5000"),
    (_macvlan(parent="lo"), InvalidParameterError, "loopback interface is not a valid macvlan"),
    (_macvlan(macvlan_mode="odd"), InvalidParameterError, "requested macvlan mode 'odd' is not"),
    (
        _macvlan(parent="eth0", macvlan_mode="passthru"),
        ForbiddenError,
        "is already using parent interface eth0",
    ),
    (
        NetworkSpec(name="x", driver="ipvlan", options={"parent": "eth0"}),
        ForbiddenError,
        "is already using parent interface eth0",
    ),
    (
        NetworkSpec(name="x", driver="ipvlan", options={"ipvlan_mode": "l4"}),
        InvalidParameterError,
        "requested ipvlan mode 'l4' is not valid",
    ),
    (
        NetworkSpec(name="x", driver="ipvlan", options={"ipvlan_flag": "odd"}),
        InvalidParameterError,
        "requested ipvlan flag 'odd' is not valid",
    ),
]


async def test_refused_networks(engine: Engine) -> None:
    await _lan(engine)
    before = (engine.networks.list({}), run("ip", "-o", "link").count("\n"))
    for spec, kind, words in REFUSED:
        with pytest.raises(kind) as refused:
            await engine.networks.create(spec)
        assert words in str(refused.value)
    assert (engine.networks.list({}), run("ip", "-o", "link").count("\n")) == before


async def _vlan(engine: Engine, host: Host) -> None:
    """A sub-interface is made with the network and removed with the last one on it."""
    assert host.lan
    options = {"parent": "eth0.100"}
    for name in ("one", "two"):
        await engine.networks.create(NetworkSpec(name=name, driver="macvlan", options=options))
    assert "vlan protocol 802.1Q id 100" in run("ip", "-d", "link", "show", "eth0.100")
    await engine.networks.remove("one")
    assert "eth0.100" in run("ip", "-o", "link")
    await engine.networks.remove("two")
    assert "eth0.100" not in run("ip", "-o", "link")


async def _ipvlan(engine: Engine, host: Host) -> None:
    """Containers share the parent's address; in l3 mode the route leads out of the interface."""
    assert host.lan
    options = {"parent": "eth0", "ipvlan_mode": "l3"}
    await engine.networks.create(
        NetworkSpec(name="three", driver="ipvlan", options=options, pools=(ON_LAN,))
    )
    web = await engine.start("web", networks=("three",))
    assert "default dev eth0 scope link" in inside(web, "ip", "route")
    assert web.endpoints[0].mac_address == ""
    wanted = EndpointSpec(network="three", mac_address="02:00:00:00:00:07")
    with pytest.raises(InvalidParameterError, match="do not support custom mac address"):
        await engine.start("other", networks=(wanted,))


@pytest.mark.parametrize(
    ("kind", "driver", "parent", "module", "works"),
    [
        ("vlan", "macvlan", "eth0.100", "8021q", _vlan),
        ("ipvlan", "ipvlan", "eth0", "ipvlan", _ipvlan),
    ],
)
async def test_what_not_every_kernel_has(
    engine: Engine,
    host: Host,
    kind: str,
    driver: str,
    parent: str,
    module: str,
    works: Callable[[Engine, Host], Awaitable[None]],
) -> None:
    with RouteSocket() as routes:
        has = kernel_has_kind(routes, kind)
    if has:
        await works(engine, host)
        return
    spec = NetworkSpec(name="x", driver=driver, options={"parent": parent})
    with pytest.raises(NotSupportedError, match=f"modprobe {module}"):
        await engine.networks.create(spec)
    assert "eth0." not in run("ip", "-o", "link")
