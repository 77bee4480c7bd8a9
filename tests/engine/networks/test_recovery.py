"""What is left after the engine was killed, and what the next one makes of it."""

import asyncio
import os
import signal
from pathlib import Path

from boxship.engine.networks.network import NetworkSpec
from boxship.engine.networks.sandbox import EndpointSpec, PortSpec
from tests.engine.networks.conftest import HOST_V4, LAN_V4, Engine, Host, run
from tests.engine.networks.peers import ask, serve

WEB = PortSpec(container_port=80, protocol="tcp", host_port=8080)


async def reach(*arguments: object) -> str:
    return await asyncio.to_thread(ask, *arguments)  # type: ignore[arg-type]


async def _restart(engine: Engine, *dead: str) -> None:
    await engine.kill()
    for container_id in dead:
        engine.specs.pop(container_id)
    await engine.open()
    await engine.networks.restore(engine.specs)
    await engine.networks.settle()


async def test_a_living_container_is_reached_during_and_after_the_gap(
    engine: Engine, host: Host
) -> None:
    web = await engine.start("web", WEB)
    with serve(web.netns_path):
        await engine.kill()
        assert await reach(host.lan, HOST_V4, 8080) == f"hello {LAN_V4}"
        assert await reach(None, "::1", 8080)
        await engine.open()
        await engine.networks.restore(engine.specs)
        assert engine.networks.sandbox(web.container_id) == web
        assert await reach(host.lan, HOST_V4, 8080) == f"hello {LAN_V4}"
        assert await reach(None, "::1", 8080)
    second = await engine.start("second", PortSpec(container_port=80, protocol="tcp"))
    assert second.endpoints[0].ipv4 != web.endpoints[0].ipv4


async def test_what_belongs_to_no_living_container_is_removed(engine: Engine) -> None:
    await engine.networks.settle()
    web = await engine.start("web", WEB)
    other = await engine.start("other", PortSpec(container_port=80, protocol="tcp", host_port=81))
    await _restart(engine, web.container_id)
    links = run("ip", "-o", "link")
    assert web.endpoints[0].host_link not in links
    assert other.endpoints[0].host_link in links
    assert not Path(web.netns_path).exists()
    assert Path(other.netns_path).exists()
    assert "8080" not in run("nft", "list", "ruleset")
    again = await engine.start("web", WEB)
    assert again.endpoints[0].ipv4 == web.endpoints[0].ipv4


async def test_links_and_namespaces_without_a_record_are_removed(engine: Engine) -> None:
    signature = engine.networks._signature
    run("ip", "link", "add", "vethlost", "type", "veth", "peer", "name", "vethpeer")
    run("ip", "link", "set", "vethlost", "alias", signature)
    run("ip", "link", "add", "veththeirs", "type", "veth", "peer", "name", "vethpeer2")
    run("ip", "link", "set", "veththeirs", "alias", "boxship:someone-else")
    await _restart(engine)
    links = run("ip", "-o", "link")
    assert "vethlost" not in links
    assert "veththeirs" in links
    pool = {namespace.path for namespace in engine.networks._tools.pool._ready}
    stored = set((engine.exec_root / "netns").iterdir())
    assert stored - pool <= set((engine.exec_root / "netns").iterdir())


async def test_stale_accept_rules_are_removed(engine: Engine) -> None:
    run("iptables", "-P", "FORWARD", "DROP")
    before = run("iptables", "-S")
    web = await engine.start("web", WEB)
    assert "ACCEPT" in run("iptables", "-S")
    await _restart(engine, web.container_id)
    assert run("iptables", "-S") == before


async def test_ports_are_held_again_after_the_holder_was_killed(engine: Engine) -> None:
    web = await engine.start("web", WEB)
    holder = engine.networks._holder.pid
    await engine.kill()
    os.kill(holder, signal.SIGKILL)
    await engine.open()
    await engine.networks.restore(engine.specs)
    with serve(web.netns_path):
        assert await reach(None, "::1", 8080)
    assert engine.networks._holder.pid != holder


async def test_networks_and_addresses_outlive_a_restart(engine: Engine) -> None:
    created = await engine.networks.create(NetworkSpec(name="mine"))
    bridge = engine.networks.get("bridge")
    one = await engine.start("one", networks=(EndpointSpec(network="mine"),))
    await _restart(engine)
    assert engine.networks.get("mine") == created
    assert engine.networks.get("bridge") == bridge
    two = await engine.start("two", networks=("mine",))
    assert {one.endpoints[0].ipv4, two.endpoints[0].ipv4} == {"172.18.0.2", "172.18.0.3"}


async def test_bridges_come_back_when_they_were_lost(engine: Engine) -> None:
    await engine.networks.create(NetworkSpec(name="mine"))
    await engine.kill()
    run("ip", "link", "delete", "docker0")
    await engine.open()
    await engine.networks.restore({})
    one = await engine.start("one", networks=("bridge", "mine"))
    with serve(one.netns_path):
        for endpoint in one.endpoints:
            assert await reach(None, endpoint.ipv4)
