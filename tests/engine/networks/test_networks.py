"""Networks and containers on them: the verbs, and Docker's refusals."""

import asyncio
import time
from pathlib import Path

import pytest

from boxship.engine.networks.network import Network, NetworkSpec, Pool
from boxship.engine.networks.sandbox import EndpointSpec, PortSpec
from boxship.errors import (
    BoxshipError,
    ConflictError,
    ForbiddenError,
    InvalidParameterError,
    NotFoundError,
)
from tests.engine.networks.conftest import Engine, run
from tests.engine.networks.peers import ask, serve


async def test_the_default_networks(engine: Engine) -> None:
    networks = engine.networks.list({})
    assert sorted((n.name, n.driver, n.scope) for n in networks) == [
        ("bridge", "bridge", "local"),
        ("host", "host", "local"),
        ("none", "null", "local"),
    ]
    bridge = engine.networks.get("bridge")
    assert bridge.options["com.docker.network.bridge.name"] == "docker0"
    assert bridge.pools == (Pool(subnet="172.17.0.0/16", gateway="172.17.0.1"),)
    assert "172.17.0.1/16" in run("ip", "address", "show", "docker0")
    assert engine.networks.get(bridge.id[:12]) == bridge


@pytest.mark.usefixtures("host")
async def test_another_engines_bridge_is_left_alone(tmp_path: Path) -> None:
    run("ip", "link", "add", "docker0", "type", "bridge")
    run("ip", "address", "add", "172.17.0.1/16", "dev", "docker0")
    run("ip", "link", "set", "docker0", "up")
    engine = Engine(tmp_path)
    await engine.open()
    bridge = engine.networks.get("bridge")
    await engine.close()
    assert bridge.options["com.docker.network.bridge.name"] == "boxship0"
    assert bridge.pools[0].subnet == "172.18.0.0/16"


async def test_create_list_remove(engine: Engine) -> None:
    network = await engine.networks.create(NetworkSpec(name="localnet", labels={"a": "b"}))
    assert f"br-{network.id[:12]}" in run("ip", "-o", "link")
    assert network.pools == (Pool(subnet="172.18.0.0/24", gateway="172.18.0.1"),)
    assert [n.name for n in engine.networks.list({"label": ["a=b"]})] == ["localnet"]
    assert [n.name for n in engine.networks.list({"type": ["custom"]})] == ["localnet"]
    assert engine.networks.list({"name": ["nothing"]}) == []
    await engine.networks.remove("localnet")
    assert "br-" not in run("ip", "-o", "link")
    with pytest.raises(NotFoundError, match="network localnet not found"):
        engine.networks.get("localnet")


REFUSED = [
    (NetworkSpec(name="taken"), ConflictError, "network with name taken already exists"),
    (NetworkSpec(name="host"), ForbiddenError, "operation is not permitted on predefined host"),
    (NetworkSpec(name="x", driver="nope"), NotFoundError, "could not find plugin nope"),
    (NetworkSpec(name="a b"), InvalidParameterError, "invalid network name"),
    (
        NetworkSpec(name="x", pools=(Pool(subnet="172.17.5.0/24"),)),
        ForbiddenError,
        "Pool overlaps with other one on this address space",
    ),
    (
        NetworkSpec(name="x", pools=(Pool(subnet="192.0.2.0/25"),)),
        ForbiddenError,
        "the host's route to 192.0.2.0/24",
    ),
    (
        NetworkSpec(name="x", pools=(Pool(subnet="10.1.2.3/24"),)),
        InvalidParameterError,
        "it should be 10.1.2.0/24",
    ),
    (
        NetworkSpec(name="x", pools=(Pool(subnet="10.1.0.0/24", gateway="10.2.0.1"),)),
        InvalidParameterError,
        "invalid gateway",
    ),
    (
        NetworkSpec(name="x", options={"com.docker.network.driver.mtu": "tiny"}),
        InvalidParameterError,
        "invalid MTU",
    ),
    (
        NetworkSpec(name="x", options={"com.docker.network.bridge.name": "eth0"}),
        ConflictError,
        "a link named eth0 exists already",
    ),
]


@pytest.mark.parametrize(("spec", "kind", "words"), REFUSED, ids=lambda value: str(value)[:30])
async def test_refused_networks(
    engine: Engine, spec: NetworkSpec, kind: type[BoxshipError], words: str
) -> None:
    await engine.networks.create(NetworkSpec(name="taken"))
    before = engine.networks.list({})
    with pytest.raises(kind) as refused:
        await engine.networks.create(spec)
    assert words in str(refused.value)
    assert engine.networks.list({}) == before


async def test_a_network_in_use_is_kept(engine: Engine) -> None:
    await engine.networks.create(NetworkSpec(name="mine"))
    one = await engine.start("one", networks=("mine",))
    with pytest.raises(ForbiddenError, match="network mine has active endpoints") as refused:
        await engine.networks.remove("mine")
    assert 'name:"one" id:"' in str(refused.value)
    with pytest.raises(ForbiddenError, match="bridge is a pre-defined network"):
        await engine.networks.remove("bridge")
    await engine.networks.create(NetworkSpec(name="empty"))
    assert await engine.networks.prune({}) == ["empty"]
    await engine.stop(one)
    assert await engine.networks.prune({"until": ["1h"]}) == []
    assert await engine.networks.prune({}) == ["mine"]


async def _mine(engine: Engine) -> Network:
    pool = Pool(subnet="10.9.0.0/24", ip_range="10.9.0.128/25", aux_addresses={"x": "10.9.0.128"})
    return await engine.networks.create(NetworkSpec(name="mine", pools=(pool,)))


async def test_static_addresses(engine: Engine) -> None:
    await _mine(engine)
    chosen = await engine.start("chosen", networks=("mine",))
    static = EndpointSpec(network="mine", ipv4="10.9.0.7", mac_address="02:00:00:00:00:07")
    one = await engine.start("one", networks=(static,))
    assert chosen.endpoints[0].ipv4 == "10.9.0.129"
    assert (one.endpoints[0].ipv4, one.endpoints[0].mac_address) == (
        "10.9.0.7",
        "02:00:00:00:00:07",
    )
    with pytest.raises(ForbiddenError, match="Address already in use"):
        await engine.start("two", networks=(static,))
    with pytest.raises(InvalidParameterError, match="no configured subnet contains"):
        await engine.start("two", networks=(EndpointSpec(network="mine", ipv4="10.8.0.1"),))
    with pytest.raises(InvalidParameterError, match="on user defined networks only"):
        await engine.start("two", networks=(EndpointSpec(network="bridge", ipv4="172.17.0.9"),))
    with pytest.raises(NotFoundError, match="network nowhere not found"):
        await engine.start("two", networks=("nowhere",))
    await engine.stop(one)
    again = await engine.start("one", networks=(static,))
    with serve(again.netns_path):
        assert await asyncio.to_thread(ask, chosen.netns_path, "10.9.0.7")


async def test_connect_and_disconnect(engine: Engine) -> None:
    await _mine(engine)
    port = PortSpec(container_port=80, protocol="tcp", host_port=8080)
    web, other = await engine.start("web", port), await engine.start("other", networks=("mine",))
    endpoint = await engine.networks.connect(
        "mine", web.container_id, EndpointSpec(network="mine", aliases=("www",))
    )
    assert endpoint.interface == "eth1"
    assert [m.container_name for m in engine.networks.containers_of(endpoint.network_id)] == [
        "web",
        "other",
    ]
    with serve(web.netns_path):
        assert await asyncio.to_thread(ask, other.netns_path, endpoint.ipv4)
        assert await asyncio.to_thread(ask, None, "127.0.0.1", 8080)
        with pytest.raises(ForbiddenError, match="already exists in network mine"):
            await engine.networks.connect("mine", web.container_id, EndpointSpec(network=""))
        await engine.networks.disconnect("bridge", web.container_id)
        assert await asyncio.to_thread(ask, None, "127.0.0.1", 8080)
        assert await asyncio.to_thread(ask, None, "::1", 8080)
        await engine.networks.disconnect("mine", web.container_id)
        assert not await asyncio.to_thread(ask, None, "127.0.0.1", 8080)
        with pytest.raises(ForbiddenError, match="is not connected to network mine"):
            await engine.networks.disconnect("mine", web.container_id)
        await engine.networks.connect("bridge", web.container_id, EndpointSpec(network=""))
        assert await asyncio.to_thread(ask, None, "127.0.0.1", 8080)


async def test_ports_are_published_once_there_is_a_way_out(engine: Engine) -> None:
    await engine.networks.create(NetworkSpec(name="inner", internal=True))
    port = PortSpec(container_port=80, protocol="tcp", host_port=8080)
    web = await engine.start("web", port, networks=("inner",))
    await engine.networks.connect("bridge", web.container_id, EndpointSpec(network=""))
    sandbox = engine.networks.sandbox(web.container_id)
    assert sandbox is not None
    assert {p.host_port for p in sandbox.ports} == {8080}
    with serve(web.netns_path):
        assert await asyncio.to_thread(ask, None, "127.0.0.1", 8080)
        assert await asyncio.to_thread(ask, None, "::1", 8080)


async def test_events(engine: Engine) -> None:
    network = await engine.networks.create(NetworkSpec(name="mine"))
    one = await engine.start("one", networks=("mine",))
    await engine.stop(one)
    await engine.networks.remove("mine")
    seen = [
        (event.action, event.attributes.get("container"))
        async for event in engine.events.subscribe(0, time.time_ns(), {})
        if event.actor_id == network.id
    ]
    assert seen == [
        ("create", None),
        ("connect", one.container_id),
        ("disconnect", one.container_id),
        ("destroy", None),
    ]


async def test_host_none_and_shared_modes(engine: Engine) -> None:
    on_host = await engine.start("on-host", mode="host", extra_hosts=("db:198.51.100.1",))
    assert (on_host.netns_path, on_host.endpoints[0].network_name) == ("", "host")
    hosts = Path(on_host.files_dir, "hosts").read_text()
    assert "elsewhere" in hosts
    assert "198.51.100.1\tdb" in hosts
    assert "nameserver 127.0.0.1" in Path(on_host.files_dir, "resolv.conf").read_text()
    alone = await engine.start("alone", mode="none")
    links = run("nsenter", f"--net={alone.netns_path}", "ip", "-o", "link")
    assert len(links.splitlines()) == 1
    assert "UP" in links
    web = await engine.start("web")
    sharing = await engine.start("sharing", mode=f"container:{web.container_id}")
    assert (sharing.netns_path, sharing.files_dir) == (web.netns_path, web.files_dir)
    await engine.stop(sharing)
    assert Path(web.netns_path).exists()


async def test_name_files(engine: Engine) -> None:
    web = await engine.start("web", extra_hosts=("gw:host-gateway", "v6=::5"))
    hosts = Path(web.files_dir, "hosts").read_text()
    assert hosts.startswith("127.0.0.1\tlocalhost\n")
    assert f"172.17.0.2\t{web.container_id[:12]}\n" in hosts
    assert "172.17.0.1\tgw\n::5\tv6\n" in hosts
    assert Path(web.files_dir, "hostname").read_text() == f"{web.container_id[:12]}\n"
    resolv = Path(web.files_dir, "resolv.conf").read_text()
    assert "127.0.0.1" not in resolv
    assert "nameserver 192.0.2.2" in resolv
    assert "search example" in resolv
    other = await engine.start("o", dns=("1.2.3.4",), dns_search=("a.b",), dns_options=("use-vc",))
    resolv = Path(other.files_dir, "resolv.conf").read_text()
    assert "nameserver 1.2.3.4\nsearch a.b\noptions use-vc\n" in resolv


async def test_many_start_and_stop_together(engine: Engine) -> None:
    ports = PortSpec(container_port=80, protocol="tcp")
    boxes = await asyncio.gather(*(engine.start(f"c{n}", ports) for n in range(20)))
    assert len({box.endpoints[0].ipv4 for box in boxes}) == 20
    assert len({port.host_port for box in boxes for port in box.ports}) == 20
    await asyncio.gather(*(engine.stop(box) for box in boxes))
    await engine.networks.settle()
    assert "veth" not in run("ip", "-o", "link")
