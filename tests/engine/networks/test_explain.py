"""What is said of a port, held against what packets do."""

import asyncio
from pathlib import Path

import pytest

from boxship.engine.networks.explain import HOST, LAN, OTHERS, Way
from boxship.engine.networks.network import NetworkSpec
from boxship.engine.networks.sandbox import EndpointSpec, PortSpec, Sandbox
from boxship.errors import ConflictError, InvalidParameterError
from tests.engine.networks.conftest import HOST_V4, HOST_V6, Engine, Host, run
from tests.engine.networks.peers import ask, serve

BRIDGE = "com.docker.network.bridge."
WEB = PortSpec(container_port=80, protocol="tcp", host_port=8080)
LOCAL = PortSpec(container_port=81, protocol="tcp", host_ip="127.0.0.1", host_port=8081)


def ways(engine: Engine, sandbox: Sandbox, port: int) -> tuple[Way, ...]:
    return engine.networks.explain(sandbox.container_id, "web", port, "tcp").ways


async def _is_reached(way: Way, sources: dict[str, Path | str | None]) -> bool:
    address, _, port = way.address.rpartition(":")
    address = {"0.0.0.0": HOST_V4, "[::]": HOST_V6}.get(address, address).strip("[]")
    return bool(await asyncio.to_thread(ask, sources[way.source], address, int(port)))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {f"{BRIDGE}enable_icc": "false"},
        {f"{BRIDGE}gateway_mode_ipv4": "routed"},
        {f"{BRIDGE}gateway_mode_ipv4": "nat-unprotected"},
        {f"{BRIDGE}trusted_host_interfaces": "eth0"},
    ],
    ids=str,
)
async def test_it_is_as_it_says(engine: Engine, host: Host, options: dict[str, str]) -> None:
    await engine.networks.create(NetworkSpec(name="mine", options=options))
    web = await engine.start("web", WEB, LOCAL, networks=("mine",))
    near = await engine.start("near", networks=("mine",))
    await engine.networks.create(NetworkSpec(name="away", ipv6=True))
    far = await engine.start("far", networks=("away",))
    sources: dict[str, Path | str | None] = {
        HOST: None,
        LAN: host.lan,
        f"{LAN} at eth0": host.lan,
        OTHERS: far.netns_path,
        "network mine": near.netns_path,
    }
    trusted = any("trusted" in name for name in options)
    with serve(web.netns_path, 80), serve(web.netns_path, 81), serve(web.netns_path, 82):
        said = [way for port in (80, 81, 82) for way in ways(engine, web, port)]
        # An address of the LAN's or of another network's own loopback is no way to the host.
        said = [w for w in said if w.source == HOST or not w.address.startswith("127.")]
        # Where one interface is trusted, the rest of the LAN is meant by "LAN".
        said = [w for w in said if not (trusted and w.source == LAN and not w.open)]
        found = await asyncio.gather(*(_is_reached(way, sources) for way in said))
    assert [(w.source, w.address, w.open) for w in said] == [
        (w.source, w.address, reached) for w, reached in zip(said, found, strict=True)
    ]


async def test_a_port_on_loopback_and_rules_of_the_admin(engine: Engine) -> None:
    web = await engine.start("web", LOCAL)
    run("nft", f"add rule inet {engine.networks._firewall.table} admin tcp dport 4711 drop")
    engine.networks._firewall.look()
    found = engine.networks.explain(web.container_id, "web", 81, "tcp")
    assert Way(
        LAN, "127.0.0.1:8081", False, "published on the host's loopback", "chain martians"
    ) in (found.ways)
    assert found.notes == ("the chain admin has 1 rules of its own, which may decide otherwise",)


async def test_other_kinds_of_networking(engine: Engine, host: Host) -> None:
    spec = NetworkSpec(name="lan", driver="macvlan", options={"parent": "eth0"})
    await engine.networks.create(spec)
    wanted = EndpointSpec(network="lan")
    neighbour = await engine.start("neighbour", networks=(wanted,))
    assert [(w.source, w.open) for w in ways(engine, neighbour, 80)] == [
        (HOST, False),
        ("network lan", True),
        (LAN, True),
    ]
    on_host = await engine.start("on-host", mode="host")
    assert [w.open for w in ways(engine, on_host, 80)] == [True]
    alone = await engine.start("alone", mode="none")
    assert [w.open for w in ways(engine, alone, 80)] == [False]
    assert host.lan


async def test_bad_questions(engine: Engine) -> None:
    web = await engine.start("web")
    with pytest.raises(InvalidParameterError, match="invalid port 0/tcp"):
        engine.networks.explain(web.container_id, "web", 0, "tcp")
    await engine.stop(web)
    with pytest.raises(ConflictError, match="container web is not running"):
        engine.networks.explain(web.container_id, "web", 80, "tcp")
