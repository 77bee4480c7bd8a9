"""What may talk to what, also beside another firewall."""

import asyncio

from boxship.engine.networks.network import OPTION_ICC, NetworkSpec
from boxship.engine.networks.sandbox import PortSpec
from tests.engine.networks.conftest import HOST_V4, HOST_V6, LAN_V4, Engine, Host, run
from tests.engine.networks.peers import ask, serve

WEB = PortSpec(container_port=80, protocol="tcp", host_port=8080)


async def reach(*arguments: object) -> str:
    return await asyncio.to_thread(ask, *arguments)  # type: ignore[arg-type]


async def test_a_container_reaches_its_neighbours_and_the_outside(
    engine: Engine, host: Host
) -> None:
    one, two = await engine.start("one"), await engine.start("two")
    with serve(one.netns_path), serve(host.lan), serve(None, 8000):
        assert await reach(two.netns_path, one.endpoints[0].ipv4) == "hello 172.17.0.3"
        assert await reach(two.netns_path, LAN_V4) == f"hello {HOST_V4}"
        assert await reach(two.netns_path, "172.17.0.1", 8000) == "hello 172.17.0.3"


async def test_networks_cannot_reach_each_other(engine: Engine) -> None:
    await engine.networks.create(NetworkSpec(name="other"))
    web, stranger = await engine.start("web"), await engine.start("stranger", networks=("other",))
    with serve(web.netns_path):
        assert not await reach(stranger.netns_path, web.endpoints[0].ipv4)


async def test_an_internal_network_has_no_way_out(engine: Engine, host: Host) -> None:
    await engine.networks.create(NetworkSpec(name="inner", internal=True))
    one = await engine.start("one", WEB, networks=("inner",))
    two = await engine.start("two", networks=("inner",))
    assert one.ports == ()
    assert one.endpoints[0].gateway == ""
    with serve(one.netns_path), serve(host.lan):
        assert await reach(two.netns_path, one.endpoints[0].ipv4)
        assert not await reach(two.netns_path, LAN_V4)
        run("nsenter", f"--net={two.netns_path}", "ip", "route", "add", "default", "dev", "eth0")
        assert not await reach(two.netns_path, LAN_V4)


async def _check_no_communication(engine: Engine) -> None:
    options = {OPTION_ICC: "false"}
    await engine.networks.create(NetworkSpec(name="apart", options=options))
    web = await engine.start("web", WEB, networks=("apart",))
    other = await engine.start("other", networks=("apart",))
    with serve(web.netns_path):
        assert not await reach(other.netns_path, web.endpoints[0].ipv4)
        assert await reach(other.netns_path, HOST_V4, 8080)
        assert await reach(None, web.endpoints[0].ipv4)


async def test_without_icc_only_published_ports_are_reached(engine: Engine) -> None:
    await _check_no_communication(engine)


async def test_without_icc_and_without_br_netfilter(engine: Engine) -> None:
    for family in ("ip", "ip6"):
        run("busybox", "sysctl", "-qw", f"net.bridge.bridge-nf-call-{family}tables=0")
    await _check_no_communication(engine)


async def test_published_ports_without_br_netfilter(engine: Engine) -> None:
    run("busybox", "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0")
    web, other = await engine.start("web", WEB), await engine.start("other")
    with serve(web.netns_path):
        for path in (web.netns_path, other.netns_path, None):
            assert await reach(path, HOST_V4, 8080)


async def test_a_forward_policy_of_drop_is_lived_with(engine: Engine, host: Host) -> None:
    run("iptables", "-P", "FORWARD", "DROP")
    run("ip6tables", "-P", "FORWARD", "DROP")
    run("iptables", "-N", "DOCKER-USER")
    run("iptables", "-A", "DOCKER-USER", "-s", "198.51.100.9", "-j", "DROP")
    run("iptables", "-A", "FORWARD", "-j", "DOCKER-USER")
    before = run("iptables", "-S")
    await engine.networks.create(NetworkSpec(name="dual", ipv6=True))
    web = await engine.start("web", WEB, networks=("bridge", "dual"))
    two = await engine.start("two")
    with serve(web.netns_path), serve(host.lan):
        assert await reach(host.lan, HOST_V4, 8080) == f"hello {LAN_V4}"
        assert await reach(host.lan, HOST_V6, 8080)
        assert await reach(two.netns_path, LAN_V4) == f"hello {HOST_V4}"
        assert await reach(two.netns_path, web.endpoints[0].ipv4)
        assert not await reach(host.lan, web.endpoints[0].ipv4)
    assert run("iptables", "-S") != before
    await engine.stop(web)
    await engine.stop(two)
    assert run("iptables", "-S") == before


async def test_another_engines_containers_stay_closed_to_ours(engine: Engine) -> None:
    """A FORWARD policy of drop is what guards containers of an older Docker."""
    run("iptables", "-P", "FORWARD", "DROP")
    run("ip", "link", "add", "docker_gwbridge", "type", "bridge")
    run("ip", "address", "add", "198.51.100.1/24", "dev", "docker_gwbridge")
    run("ip", "link", "set", "docker_gwbridge", "up")
    run("ip", "netns", "add", "theirs")
    try:
        run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "eth0", "netns", "theirs")
        run("ip", "link", "set", "v0", "up", "master", "docker_gwbridge")
        inside = ("ip", "-n", "theirs")
        run(*inside, "address", "add", "198.51.100.2/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "route", "add", "default", "via", "198.51.100.1")
        ours = await engine.start("ours")
        with serve("/run/netns/theirs"):
            assert await reach(None, "198.51.100.2")
            assert not await reach(ours.netns_path, "198.51.100.2")
    finally:
        run("ip", "netns", "delete", "theirs")


async def test_rules_go_with_the_last_container(engine: Engine) -> None:
    run("nft", "add", "table", "inet", "somebody_else")
    web = await engine.start("web", WEB)
    assert "boxship" in run("nft", "list", "tables")
    await engine.stop(web)
    assert run("nft", "list", "tables").strip() == "table inet somebody_else"
    await engine.networks.settle()
    assert "veth" not in run("ip", "-o", "link")
