"""The engine's table beside an admin: what he adds stays, what he flushes comes back."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from boxship.engine.config import NetworkConfig
from boxship.engine.networks.sandbox import EndpointSpec, PortSpec
from boxship.linux.nftables import Nftables
from tests.engine.networks.conftest import HOST_V4, LAN_V4, Engine, Host, run
from tests.engine.networks.peers import ask, serve

WEB = PortSpec(container_port=80, protocol="tcp", host_port=8080)


async def reach(source: Path | str | None, address: str, port: int = 80) -> str:
    return await asyncio.to_thread(ask, source, address, port)


@pytest.fixture
def repaired(monkeypatch: pytest.MonkeyPatch) -> Callable[[], "asyncio.Event"]:
    """Return an event that is set by the next transaction that makes the table anew."""

    def watch() -> asyncio.Event:
        event, run_commands = asyncio.Event(), Nftables.run

        def run_and_tell(self: Nftables, commands: str) -> list[dict[str, object]]:
            result = run_commands(self, commands)
            if commands.startswith("add table"):
                event.set()
            return result

        monkeypatch.setattr(Nftables, "run", run_and_tell)
        return event

    return watch


@pytest.mark.parametrize(
    "damage",
    [
        "flush ruleset",
        "delete table inet {table}",
        "flush chain inet {table} prerouting",
        "flush map inet {table} publish4_any",
    ],
)
async def test_a_damaged_table_comes_back_within_a_second(
    engine: Engine, host: Host, repaired: Callable[[], asyncio.Event], damage: str
) -> None:
    web = await engine.start("web", WEB)
    table = engine.networks._firewall.table
    with serve(web.netns_path):
        assert await reach(host.lan, HOST_V4, 8080) == f"hello {LAN_V4}"
        event = repaired()
        await asyncio.to_thread(run, "nft", damage.format(table=table))
        async with asyncio.timeout(1):
            await event.wait()
        # By the kernel's path: the port holder would hide the client's address.
        assert await reach(host.lan, HOST_V4, 8080) == f"hello {LAN_V4}"


async def test_the_admins_chain_closes_and_opens(engine: Engine, host: Host) -> None:
    web = await engine.start("web", WEB)
    table = engine.networks._firewall.table
    address = web.endpoints[0].ipv4
    with serve(web.netns_path), serve(web.netns_path, 81):
        run("nft", f"add rule inet {table} admin ip saddr {LAN_V4} tcp dport 80 drop")
        assert not await reach(host.lan, HOST_V4, 8080)
        run("nft", f"flush chain inet {table} admin")
        run("nft", f"add rule inet {table} admin ip saddr {LAN_V4} tcp dport 81 accept")
        assert await reach(host.lan, HOST_V4, 8080)
        assert await reach(host.lan, address, 81)


async def test_the_admins_rules_outlive_flush_restart_and_the_last_container(
    engine: Engine, repaired: Callable[[], asyncio.Event]
) -> None:
    web = await engine.start("web", WEB)
    table = engine.networks._firewall.table
    rule = "tcp dport 4711 drop"
    event = repaired()
    # The engine has heard of the rule before it hears that all is gone.
    await asyncio.to_thread(run, "nft", f"add rule inet {table} admin {rule}")
    await asyncio.to_thread(run, "nft", "list ruleset")
    await asyncio.to_thread(run, "nft", "flush ruleset")
    async with asyncio.timeout(1):
        await event.wait()
    assert rule in run("nft", "list", "chain", "inet", table, "admin")
    await engine.kill()
    await engine.open()
    await engine.networks.restore(engine.specs)
    assert rule in run("nft", "list", "chain", "inet", table, "admin")
    await engine.stop(web)
    assert table not in run("nft", "list", "ruleset")
    await engine.start("again", networks=(EndpointSpec(network="bridge"),))
    assert rule in run("nft", "list", "chain", "inet", table, "admin")


async def test_rules_from_a_file(engine: Engine, tmp_path: Path) -> None:
    rules = tmp_path / "admin.rules"
    rules.write_text("# ours\n\ntcp dport 4711 drop\n")
    await engine.close()
    engine.config = NetworkConfig(firewall_rules=str(rules))
    await engine.open()
    await engine.networks.restore({})
    await engine.start("web")
    table = engine.networks._firewall.table
    assert "tcp dport 4711 drop" in run("nft", "list", "chain", "inet", table, "admin")


async def test_our_own_changes_are_no_damage(
    engine: Engine, repaired: Callable[[], asyncio.Event]
) -> None:
    first = await engine.start("first", WEB)
    event = repaired()
    second = await engine.start("second", PortSpec(container_port=80, protocol="tcp"))
    await engine.stop(second)
    await engine.networks.settle()
    assert not engine.networks._firewall.look()
    assert not event.is_set()
    await engine.stop(first)
