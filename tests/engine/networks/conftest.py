"""A host of its own for each test: a namespace, a LAN beside it, and an engine's networks."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from boxship.engine.config import NetworkConfig
from boxship.engine.events import service as event_service
from boxship.engine.events.service import EventService
from boxship.engine.networks import store
from boxship.engine.networks.sandbox import EndpointSpec, PortSpec, Sandbox, SandboxSpec
from boxship.engine.networks.service import NetworkService
from boxship.engine.state.database import Database
from boxship.ids import new_id
from boxship.linux import mount, netns

HOST_V4, LAN_V4 = "192.0.2.1", "192.0.2.2"
HOST_V6, LAN_V6 = "2001:db8:1::1", "2001:db8:1::2"


def run(*command: str) -> str:
    """Run a program in the host's namespace and return its output."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@dataclass
class Host:
    """The machine of a test: the pytest thread itself stands inside its namespace."""

    lan: Path
    """Pinned namespace of a neighbour at LAN_V4 and LAN_V6 that routes everything through us."""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    pins = tmp_path / "pins"
    pins.mkdir()
    machine = netns.create(pins / "host", lambda: None)
    lan = netns.create(pins / "lan", lambda: None)
    with netns.inside(machine.fd):
        run(
            "ip",
            "link",
            "add",
            "eth0",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            str(lan.path),
        )
        run("ip", "link", "set", "eth0", "up")
        run("ip", "address", "add", f"{HOST_V4}/24", "dev", "eth0")
        run("ip", "address", "add", f"{HOST_V6}/64", "dev", "eth0", "nodad")
        with netns.inside(lan.fd):
            run("ip", "link", "set", "eth0", "up")
            run("ip", "address", "add", f"{LAN_V4}/24", "dev", "eth0")
            run("ip", "address", "add", f"{LAN_V6}/64", "dev", "eth0", "nodad")
            run("ip", "route", "add", "default", "via", HOST_V4)
            run("ip", "route", "add", "default", "via", HOST_V6)
        yield Host(lan.path)
    for namespace in (machine, lan):
        namespace.close()
        netns.unpin(namespace.path)


@dataclass
class Engine:
    """The networks of one engine, and shorthands for its containers."""

    root: Path
    config: NetworkConfig = field(default_factory=NetworkConfig)
    id: str = field(default_factory=new_id)
    specs: dict[str, SandboxSpec] = field(default_factory=dict)

    async def open(self) -> None:
        migrations = (*event_service.MIGRATIONS, *store.MIGRATIONS)
        self.database = Database.open(self.root / "state.db", migrations)
        self.events = EventService(self.database)
        etc = self.root / "etc"
        etc.mkdir(exist_ok=True)
        if not (etc / "hosts").exists():
            (etc / "hosts").write_text("127.0.0.1 localhost\n198.51.100.7 elsewhere\n")
            (etc / "resolv.conf").write_text(
                "nameserver 127.0.0.1\nnameserver 192.0.2.2\nsearch example\n"
            )
        self.networks = NetworkService(
            self.database, self.events, self.config, self.exec_root, self.id, host_etc=etc
        )
        await self.networks.open()

    @property
    def exec_root(self) -> Path:
        return self.root / "exec"

    def spec(
        self,
        name: str,
        *ports: PortSpec,
        networks: tuple[EndpointSpec | str, ...] = ("bridge",),
        mode: str = "networks",
        **more: object,
    ) -> SandboxSpec:
        container_id = new_id()
        endpoints = tuple(
            EndpointSpec(network=network) if isinstance(network, str) else network
            for network in networks
        )
        return SandboxSpec(
            container_id=container_id,
            container_name=name,
            hostname=container_id[:12],
            mode=mode,
            endpoints=endpoints if mode == "networks" else (),
            ports=ports,
            files_dir=self.root / "files" / name,
            **more,  # type: ignore[arg-type]
        )

    async def start(
        self,
        name: str,
        *ports: PortSpec,
        networks: tuple[EndpointSpec | str, ...] = ("bridge",),
        mode: str = "networks",
        **more: object,
    ) -> Sandbox:
        spec = self.spec(name, *ports, networks=networks, mode=mode, **more)
        sandbox = await self.networks.attach(spec)
        self.specs[spec.container_id] = spec
        return sandbox

    async def stop(self, sandbox: Sandbox) -> None:
        await self.networks.detach(sandbox.container_id)
        self.specs.pop(sandbox.container_id, None)

    async def close(self) -> None:
        await self.networks.close()
        self.database.close()

    async def kill(self) -> None:
        """End like a killed process: descriptors close, nothing else is done."""
        self.networks._tools.dns.close()
        self.networks._holder.close()
        self.networks._stop_listening()
        self.networks._firewall.close()
        await self.networks._kernel.close()
        self.networks._tools.pool._closed = True
        with self.networks._tools.pool._wanted:
            self.networks._tools.pool._wanted.notify()
        self.networks._tools.pool._thread.join()
        self.database.close()


@pytest.fixture
async def engine(host: Host, tmp_path: Path) -> AsyncIterator[Engine]:
    assert host.lan.exists()
    engine = Engine(tmp_path)
    await engine.open()
    await engine.networks.restore({})
    yield engine
    for container_id in list(engine.specs):
        await engine.networks.detach(container_id)
    await engine.close()
    for path in (engine.exec_root / "netns").iterdir():
        netns.unpin(path)
    with suppress(OSError):
        mount.unmount(engine.exec_root / "netns", mount.MNT_DETACH)
    assert not os.listdir(engine.exec_root / "netns")
