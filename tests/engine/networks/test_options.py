"""Driver options: gateway modes, host binding, interfaces, sysctls; configuration networks."""

import asyncio
import socket
from pathlib import Path

import pytest

from boxship.engine.networks.network import Network, NetworkSpec, Pool
from boxship.engine.networks.sandbox import EndpointSpec, PortSpec, Sandbox
from boxship.errors import BoxshipError, ForbiddenError, InvalidParameterError, NotFoundError
from boxship.linux import netns
from tests.engine.networks.conftest import HOST_V4, LAN_V4, Engine, Host, run
from tests.engine.networks.peers import ask, serve

BRIDGE = "com.docker.network.bridge."
MODE_V4 = f"{BRIDGE}gateway_mode_ipv4"
SYSCTLS = "com.docker.network.endpoint.sysctls"
IFNAME = "com.docker.network.endpoint.ifname"
WEB = PortSpec(container_port=80, protocol="tcp", host_port=8080)


async def reach(source: Path | str | None, address: str, port: int = 80) -> str:
    return await asyncio.to_thread(ask, source, address, port)


def _is_answered_to_ping(source: Path, address: str) -> bool:
    """Send one ICMP echo request; whether an answer comes within two seconds."""
    namespace = netns.open_pinned(source)
    with netns.inside(namespace.fd):
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    namespace.close()
    with sock:
        sock.settimeout(2)
        # Type 8, code 0, checksum, id 1, sequence 1.
        sock.sendto(bytes.fromhex("0800f7fd00010001"), (address, 0))
        try:
            return sock.recv(100)[20] == 0
        except TimeoutError:
            return False


def inside(sandbox: Sandbox, *command: str) -> str:
    return run("nsenter", f"--net={sandbox.netns_path}", *command).strip()


async def _network(engine: Engine, name: str = "mine", **fields: object) -> Network:
    return await engine.networks.create(NetworkSpec(name=name, **fields))  # type: ignore[arg-type]


async def test_routed_ports_are_open_at_the_containers_address(engine: Engine, host: Host) -> None:
    await _network(engine, options={MODE_V4: "routed"})
    web = await engine.start("web", WEB, networks=("mine",))
    address = web.endpoints[0].ipv4
    assert web.ports == ()
    with serve(web.netns_path), serve(web.netns_path, 81):
        assert await reach(host.lan, address) == f"hello {LAN_V4}"
        assert not await reach(host.lan, address, 81)
        assert not await reach(host.lan, HOST_V4, 8080)
    with serve(host.lan):
        assert await reach(web.netns_path, LAN_V4) == f"hello {address}"
    assert await asyncio.to_thread(_is_answered_to_ping, host.lan, address)


async def test_an_unprotected_network_is_open_to_who_routes_to_it(
    engine: Engine, host: Host
) -> None:
    await _network(engine, options={MODE_V4: "nat-unprotected"})
    web = await engine.start("web", WEB, networks=("mine",))
    other = await engine.start("other")
    with serve(web.netns_path), serve(web.netns_path, 81):
        assert await reach(host.lan, web.endpoints[0].ipv4, 81)
        assert await reach(host.lan, HOST_V4, 8080)
        assert not await reach(other.netns_path, web.endpoints[0].ipv4, 81)


async def test_on_an_isolated_network_the_host_has_no_address(engine: Engine) -> None:
    network = await _network(engine, internal=True, options={MODE_V4: "isolated"})
    one = await engine.start("one", networks=("mine",))
    two = await engine.start("two", networks=("mine",))
    assert "inet " not in run("ip", "address", "show", f"br-{network.id[:12]}")
    with serve(one.netns_path):
        assert await reach(two.netns_path, one.endpoints[0].ipv4)


async def test_trusted_interfaces_reach_published_ports_directly(
    engine: Engine, host: Host
) -> None:
    await _network(engine, options={f"{BRIDGE}trusted_host_interfaces": "eth7:eth0"})
    web = await engine.start("web", WEB, networks=("mine",))
    with serve(web.netns_path), serve(web.netns_path, 81):
        assert await reach(host.lan, web.endpoints[0].ipv4) == f"hello {LAN_V4}"
        assert not await reach(host.lan, web.endpoints[0].ipv4, 81)


async def test_host_binding_and_inhibited_address(engine: Engine, host: Host) -> None:
    network = await _network(
        engine,
        options={f"{BRIDGE}host_binding_ipv4": "127.0.0.1", f"{BRIDGE}inhibit_ipv4": "true"},
    )
    assert "inet " not in run("ip", "address", "show", f"br-{network.id[:12]}")
    run("ip", "address", "add", "172.18.0.1/24", "dev", f"br-{network.id[:12]}")
    web = await engine.start("web", WEB, networks=("mine",))
    assert [port.host_ip for port in web.ports] == ["127.0.0.1"]
    with serve(web.netns_path):
        assert await reach(None, "127.0.0.1", 8080)
        assert not await reach(host.lan, HOST_V4, 8080)


async def test_interfaces_sysctls_and_link_local_addresses(engine: Engine) -> None:
    await _network(engine, options={"com.docker.network.container_iface_prefix": "lan"})
    sysctl = "net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.neigh.ifname.ucast_solicit=7"
    named = EndpointSpec(
        network="mine",
        driver_opts={IFNAME: "wan0", SYSCTLS: sysctl},
        link_local_ips=("169.254.9.9",),
    )
    web = await engine.start("web", networks=("bridge", named))
    other = await engine.start("other", networks=("mine",))
    assert [e.interface for e in web.endpoints] == ["eth0", "wan0"]
    assert other.endpoints[0].interface == "lan0"
    path = "/proc/sys/net/ipv4/"
    assert inside(web, "cat", f"{path}conf/wan0/log_martians") == "1"
    assert inside(web, "cat", f"{path}neigh/wan0/ucast_solicit") == "7"
    assert "169.254.9.9/16" in inside(web, "ip", "address", "show", "wan0")


BAD_ENDPOINT_OPTIONS: list[tuple[dict[str, str], str]] = [
    ({IFNAME: "eth0"}, "invalid interface name 'eth0'"),
    ({IFNAME: "much-too-long-name"}, "invalid interface name"),
    ({IFNAME: "a/b"}, "invalid interface name"),
    ({SYSCTLS: "net.ipv4.conf.eth0.log_martians=1"}, "must be net.X.Y.IFNAME.Z=VALUE"),
    ({SYSCTLS: "kernel.core_pattern=x"}, "unrecognised sysctl 'kernel.core_pattern'"),
    ({SYSCTLS: "net.ipv4.conf.IFNAME.log_martians"}, "unrecognised sysctl"),
]


async def test_bad_endpoint_options(engine: Engine) -> None:
    await _network(engine)
    for opts, words in BAD_ENDPOINT_OPTIONS:
        wanted = EndpointSpec(network="mine", driver_opts=opts)
        with pytest.raises(InvalidParameterError) as refused:
            await engine.start("web", networks=("bridge", wanted))
        assert words in str(refused.value)
    named = EndpointSpec(network="mine", driver_opts={IFNAME: "wan0"})
    assert (await engine.start("web", networks=("bridge", named))).endpoints[0].ipv4 == "172.17.0.2"


async def test_a_sysctl_that_the_kernel_has_not_is_named(engine: Engine) -> None:
    await _network(engine)
    opts = {SYSCTLS: "net.ipv4.conf.IFNAME.nonsense=1"}
    with pytest.raises(BoxshipError, match=r"net\.ipv4\.conf\.IFNAME\.nonsense"):
        await engine.start("web", networks=(EndpointSpec(network="mine", driver_opts=opts),))


BAD_NETWORK_OPTIONS: list[tuple[dict[str, str], str]] = [
    ({MODE_V4: "odd"}, f"failed to parse {MODE_V4} value: odd (unknown gateway mode odd)"),
    ({MODE_V4: "isolated"}, "'isolated' can only be used for an internal network"),
    ({f"{BRIDGE}enable_icc": "maybe"}, 'parsing "maybe": invalid syntax'),
    ({f"{BRIDGE}host_binding_ipv4": "here"}, "value: here (nil ip)"),
]


async def test_bad_network_options(engine: Engine) -> None:
    for options, words in BAD_NETWORK_OPTIONS:
        with pytest.raises(InvalidParameterError) as refused:
            await _network(engine, options=options)
        assert words in str(refused.value)


async def test_ipv6_only(engine: Engine) -> None:
    await _network(engine, ipv4=False, ipv6=True)
    web = await engine.start("web", WEB, networks=("mine",))
    other = await engine.start("other", networks=("mine",))
    assert (web.endpoints[0].ipv4, web.endpoints[0].gateway) == ("", "")
    with serve(web.netns_path):
        assert await reach(other.netns_path, web.endpoints[0].ipv6)
        assert await reach(None, "::1", 8080)
        assert await reach(None, "127.0.0.1", 8080)


async def test_several_subnets_each_with_its_gateway(engine: Engine) -> None:
    pools = (Pool(subnet="10.8.0.0/30"), Pool(subnet="10.9.0.0/24", gateway="10.9.0.254"))
    await _network(engine, pools=pools)
    boxes = [await engine.start(name, networks=("mine",)) for name in ("one", "two")]
    assert [(b.endpoints[0].ipv4, b.endpoints[0].gateway) for b in boxes] == [
        ("10.8.0.2", "10.8.0.1"),
        ("10.9.0.1", "10.9.0.254"),
    ]
    with serve(boxes[0].netns_path):
        assert await reach(None, "10.8.0.2")


async def test_the_gateway_is_the_networks_with_the_highest_priority(engine: Engine) -> None:
    await _network(engine, "a")
    await _network(engine, "b")
    wanted = EndpointSpec(network="b", gateway_priority=5)
    web = await engine.start("web", networks=("a", wanted))
    gateway = next(e.gateway for e in web.endpoints if e.network_name == "b")
    assert f"default via {gateway}" in inside(web, "ip", "route")


async def test_configuration_networks(engine: Engine) -> None:
    pool = Pool(subnet="10.7.0.0/24")
    made = await _network(engine, "plan", config_only=True, pools=(pool,), labels={"a": "b"})
    assert (made.driver, made.pools) == ("null", (pool,))
    network = await _network(engine, config_from="plan")
    assert (network.driver, network.pools[0].gateway) == ("bridge", "10.7.0.1")
    assert network.labels == {"a": "b"}
    with pytest.raises(ForbiddenError, match='configuration network "plan" is in use'):
        await engine.networks.remove("plan")
    with pytest.raises(ForbiddenError, match="plan is a configuration network"):
        await engine.start("web", networks=("plan",))
    with pytest.raises(NotFoundError, match='configuration network "mine" not found'):
        await _network(engine, "x", config_from="mine")
    with pytest.raises(ForbiddenError, match="user specified configurations are not supported"):
        await _network(engine, "x", config_from="plan", pools=(pool,))
    with pytest.raises(ForbiddenError, match="can only contain network specific fields"):
        await _network(engine, "x", config_only=True, internal=True)
    assert await engine.networks.prune({}) == ["mine"]
    await engine.networks.remove("plan")
