"""A published port is reached from everywhere it should be, and from nowhere else."""

import asyncio
import socket

import pytest

from boxship.engine.networks.network import NetworkSpec, Pool
from boxship.engine.networks.sandbox import PortSpec
from boxship.errors import InternalError
from boxship.linux import netns
from tests.engine.networks.conftest import HOST_V4, HOST_V6, LAN_V4, Engine, Host, run
from tests.engine.networks.peers import ask, serve

WEB = PortSpec(container_port=80, protocol="tcp", host_port=8080)
DNS = PortSpec(container_port=53, protocol="udp", host_port=5300)


async def reach(*arguments: object) -> str:
    return await asyncio.to_thread(ask, *arguments)  # type: ignore[arg-type]


async def test_a_tcp_port_is_reached_from_everywhere(engine: Engine, host: Host) -> None:
    other_network = await engine.networks.create(NetworkSpec(name="other"))
    web = await engine.start("web", WEB)
    neighbour = await engine.start("neighbour")
    stranger = await engine.start("stranger", networks=(other_network.name,))
    address, gateway = web.endpoints[0].ipv4, web.endpoints[0].gateway
    with serve(web.netns_path):
        assert await reach(None, address) == f"hello {gateway}"
        assert await reach(None, "127.0.0.1", 8080) == f"hello {gateway}"
        assert await reach(None, HOST_V4, 8080) == f"hello {HOST_V4}"
        assert await reach(None, gateway, 8080) == f"hello {gateway}"
        assert await reach(None, "::1", 8080) == f"hello {gateway}"
        assert await reach(None, HOST_V6, 8080) == f"hello {gateway}"
        assert await reach(host.lan, HOST_V4, 8080) == f"hello {LAN_V4}"
        assert await reach(host.lan, HOST_V6, 8080) == f"hello {gateway}"
        assert await reach(web.netns_path, HOST_V4, 8080) == f"hello {gateway}"
        assert await reach(neighbour.netns_path, HOST_V4, 8080) == f"hello {gateway}"
        assert await reach(neighbour.netns_path, gateway, 8080) == f"hello {gateway}"
        stranger_address = stranger.endpoints[0].ipv4
        assert await reach(stranger.netns_path, HOST_V4, 8080) == f"hello {stranger_address}"


async def test_a_udp_port_is_reached_from_everywhere(engine: Engine, host: Host) -> None:
    server = await engine.start("dns", DNS)
    neighbour = await engine.start("neighbour")
    gateway = server.endpoints[0].gateway
    with serve(server.netns_path, 53, "udp"):
        assert await reach(None, "127.0.0.1", 5300, "udp") == f"hello {gateway}"
        assert await reach(None, "::1", 5300, "udp") == f"hello {gateway}"
        assert await reach(host.lan, HOST_V4, 5300, "udp") == f"hello {LAN_V4}"
        assert await reach(host.lan, HOST_V6, 5300, "udp") == f"hello {gateway}"
        assert await reach(neighbour.netns_path, HOST_V4, 5300, "udp") == f"hello {gateway}"


async def test_a_port_on_loopback_is_closed_to_the_lan(engine: Engine, host: Host) -> None:
    local = PortSpec(container_port=80, protocol="tcp", host_ip="127.0.0.1", host_port=8080)
    web = await engine.start("web", local)
    neighbour = await engine.start("neighbour")
    with serve(web.netns_path):
        assert await reach(None, "127.0.0.1", 8080)
        assert not await reach(host.lan, HOST_V4, 8080)
        assert not await reach(neighbour.netns_path, HOST_V4, 8080)
        for path in (host.lan, neighbour.netns_path):
            _route_loopback_to_us(str(path))
            assert not await reach(path, "127.0.0.1", 8080)


def _route_loopback_to_us(path: str) -> None:
    """Make a namespace send packets for 127.0.0.0/8 over the wire, as an attacker would."""
    inside = ("nsenter", f"--net={path}")
    run(*inside, "busybox", "sysctl", "-qw", "net.ipv4.conf.eth0.route_localnet=1")
    run(*inside, "ip", "link", "set", "lo", "down")
    gateway = run(*inside, "ip", "-4", "route", "show", "default").split()[2]
    run(*inside, "ip", "route", "add", "127.0.0.0/8", "via", gateway)


async def test_an_unpublished_port_is_closed_to_a_lan_that_routes_to_us(
    engine: Engine, host: Host
) -> None:
    web = await engine.start("web", WEB)
    with serve(web.netns_path, 81), serve(web.netns_path, 80):
        assert not await reach(host.lan, web.endpoints[0].ipv4, 81)
        assert not await reach(host.lan, web.endpoints[0].ipv4, 80)


async def test_ephemeral_ports_and_ranges(engine: Engine) -> None:
    ephemeral = PortSpec(container_port=80, protocol="tcp")
    ranged = PortSpec(container_port=80, protocol="tcp", host_port=8080, host_port_end=8082)
    one = await engine.start("one", ephemeral, ranged)
    two = await engine.start("two", ephemeral, ranged)
    ports_of_one, ports_of_two = ({p.host_port for p in box.ports} for box in (one, two))
    assert ports_of_one.isdisjoint(ports_of_two)
    assert {8080, 8081} <= ports_of_one | ports_of_two
    with serve(two.netns_path, text="two"):
        for port in ports_of_two:
            assert (await reach(None, "127.0.0.1", port)).startswith("two")


async def test_a_port_of_another_container_is_refused_by_name(engine: Engine) -> None:
    web = await engine.start("web", WEB)
    with pytest.raises(InternalError) as refused:
        await engine.start("late", WEB)
    assert "driver failed programming external connectivity on endpoint late (" in str(
        refused.value
    )
    assert "Bind for 0.0.0.0:8080 failed: port is already allocated" in str(refused.value)
    assert "container web has it" in str(refused.value)
    await engine.stop(web)
    assert await engine.start("late", WEB)


async def test_a_port_of_a_process_is_refused_and_leaves_nothing(engine: Engine) -> None:
    await engine.networks.settle()
    links = run("ip", "-o", "link")
    with serve(None, 8080), pytest.raises(InternalError) as refused:
        await engine.start("web", WEB)
    assert "address already in use" in str(refused.value)
    assert "pid " in str(refused.value)
    await engine.networks.settle()
    assert run("ip", "-o", "link") == links
    assert "boxship" not in run("nft", "list", "tables")
    web = await engine.start("web", WEB)
    assert web.endpoints[0].ipv4 == "172.17.0.2"


async def test_it_works_with_rules_flushed(engine: Engine) -> None:
    web = await engine.start("web", WEB)
    run("nft", "flush", "ruleset")
    with serve(web.netns_path):
        assert await reach(None, "127.0.0.1", 8080)


async def test_flushed_rules_come_back_with_the_next_port(engine: Engine, host: Host) -> None:
    web = await engine.start("web", WEB)
    run("nft", "flush", "ruleset")
    other = await engine.start("other", PortSpec(container_port=80, protocol="tcp"))
    with serve(web.netns_path):
        assert await reach(host.lan, HOST_V4, 8080) == f"hello {LAN_V4}"
    run("nft", "flush", "ruleset")
    await engine.stop(other)
    with serve(web.netns_path):
        assert await reach(host.lan, HOST_V4, 8080) == f"hello {LAN_V4}"
    await engine.stop(web)
    assert "boxship" not in run("nft", "list", "tables")


async def test_translation_keeps_the_source_on_ipv6(engine: Engine, host: Host) -> None:
    spec = NetworkSpec(name="dual", ipv6=True, pools=(Pool(subnet="2001:db8:2::/64"),))
    await engine.networks.create(spec)
    web = await engine.start("web", WEB, networks=("dual",))
    with serve(web.netns_path):
        assert await reach(host.lan, HOST_V6, 8080) == "hello 2001:db8:1::2"
        assert await reach(host.lan, HOST_V4, 8080) == f"hello {LAN_V4}"
        assert await reach(None, "::1", 8080)
        assert await reach(web.netns_path, HOST_V6, 8080) == "hello 2001:db8:2::1"
        assert not await reach(host.lan, web.endpoints[0].ipv6, 80)


async def test_a_client_that_keeps_sending_reaches_the_next_container(
    engine: Engine, host: Host
) -> None:
    first = await engine.start("first", DNS)
    namespace = netns.open_pinned(host.lan)
    with netns.inside(namespace.fd):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    namespace.close()
    with client:
        client.settimeout(1)
        client.connect((HOST_V4, 5300))
        with serve(first.netns_path, 53, "udp", "first"):
            client.send(b"?")
            assert await asyncio.to_thread(client.recv, 100) == f"first {LAN_V4}".encode()
        await engine.start("between")
        await engine.stop(first)
        await engine.start("third")
        second = await engine.start("second", DNS)
        assert second.endpoints[0].ipv4 != first.endpoints[0].ipv4
        await engine.networks.settle()
        with serve(second.netns_path, 53, "udp", "second"):
            client.send(b"?")
            assert await asyncio.to_thread(client.recv, 100) == f"second {LAN_V4}".encode()
