"""A runtime service on a small root file system, everything below one temporary directory."""

import asyncio
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from boxship.engine.config import EngineConfig
from boxship.engine.runtime.service import RuntimeService
from boxship.engine.runtime.task import AttachRequest, ExecSpec, TaskExit, TaskHandle, TaskSpec
from boxship.engine.runtime.workload import Namespaces, Process, Workload
from boxship.ids import new_id
from boxship.linux import mount
from boxship.wire import stdcopy

APPLETS = """
cat chmod date dd echo env false grep head hostname id kill ls mkdir mount ps pwd readlink seq sh
sleep sort stty sync tail test touch tr true wc yes
"""


class Client:
    """A Duplex in memory: what it was sent, and what the test lets it send."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.closed = False
        self.taking = asyncio.Event()
        self.taking.set()
        self._input: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._changed = asyncio.Event()

    def send(self, data: bytes) -> None:
        self._input.put_nowait(data)

    def send_eof(self) -> None:
        self._input.put_nowait(b"")

    def vanish(self) -> None:
        self._input.put_nowait(None)

    async def read(self) -> bytes:
        data = await self._input.get()
        if data is None:
            raise ConnectionResetError
        return data

    async def write(self, data: bytes | memoryview) -> None:
        await self.taking.wait()
        if self.closed:
            raise ConnectionResetError
        self.received += data
        self._changed.set()

    def write_eof(self) -> None: ...

    def close(self) -> None:
        self.closed = True
        self.taking.set()

    async def wait_for(self, text: bytes) -> None:
        while text not in self.received:
            self._changed.clear()
            await self._changed.wait()

    def streams(self) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        for stream, data in stdcopy.Decoder().feed(bytes(self.received)):
            found[stream] = found.get(stream, b"") + data
        return found


@dataclass
class Machine:
    """A runtime service and short ways to use it."""

    service: RuntimeService
    config: EngineConfig
    rootfs: Path

    def spec(self, **changes: Any) -> TaskSpec:
        task_id = changes.pop("id", None) or new_id()
        plain = TaskSpec(
            id=task_id,
            bundle=self.config.exec_root / "containers" / task_id,
            runtime="",
            terminal=False,
            open_stdin=False,
            stdin_once=False,
            log_path=self.config.data_root / f"{task_id}.log",
        )
        return replace(plain, **changes)

    def workload(self, spec: TaskSpec, *args: str, **changes: Any) -> Workload:
        process = Process(
            args=args,
            env=("PATH=/bin:/sbin",),
            terminal=spec.terminal,
            **changes.pop("process", {}),
        )
        changes.setdefault("namespaces", Namespaces(network="host"))
        changes.setdefault("rootfs", self.rootfs)
        return Workload(id=spec.id, process=process, hostname="box", **changes)

    async def begin(self, spec: TaskSpec, *args: str, **changes: Any) -> TaskHandle:
        handle = await self.service.create(spec, self.workload(spec, *args, **changes))
        await self.service.start(spec.id)
        return handle

    async def run(self, *args: str, **changes: Any) -> tuple[TaskExit, dict[int, bytes]]:
        """Run a command to its end; returns how it ended and what it wrote."""
        spec, client = self.spec(), Client()
        attachment = self.service.attach(spec.id, AttachRequest(), client)
        pumping = asyncio.create_task(attachment.run())
        await self.begin(spec, *args, **changes)
        ended = await self.service.wait_exit(spec.id)
        await pumping
        await self.service.delete(spec.id)
        return ended, client.streams()

    def exec_spec(self, container_id: str, *args: str, **changes: Any) -> ExecSpec:
        plain = ExecSpec(
            id=new_id(),
            container_id=container_id,
            args=args,
            env=("PATH=/bin:/sbin",),
            cwd="/",
            user="",
        )
        return replace(plain, **changes)

    async def exec(self, container_id: str, *args: str, **changes: Any) -> tuple[int, bytes]:
        client = Client()
        task = await self.service.exec(
            self.exec_spec(container_id, *args, **changes), AttachRequest(framed=False), client
        )
        await task.wait_streams()
        return (await task.wait()).exit_code, bytes(client.received)


def make_rootfs(directory: Path) -> Path:
    """Build a root file system around a static busybox."""
    for name in ("bin", "sbin", "etc", "tmp", "proc", "sys", "dev", "root"):
        (directory / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", directory / "bin/busybox")
    for applet in APPLETS.split():
        (directory / "bin" / applet).symlink_to("busybox")
    (directory / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1001:A user:/home/user:/bin/sh\n"
    )
    (directory / "etc/group").write_text("root:x:0:\nstaff:x:50:user\nuser:x:1001:\n")
    return directory


@pytest.fixture
def base() -> Iterator[Path]:
    """A directory that must be free of mounts in the end."""
    directory = Path(tempfile.mkdtemp(prefix="boxship-test-"))
    yield directory
    left = [
        point.target for point in mount.mount_points() if point.target.startswith(str(directory))
    ]
    for target in reversed(left):
        mount.unmount(target, mount.MNT_DETACH)
    shutil.rmtree(directory)
    assert left == []


@pytest_asyncio.fixture
async def machine(base: Path) -> AsyncIterator[Machine]:
    """An open runtime service; what a test leaves running is removed."""
    config = EngineConfig(data_root=base / "data", exec_root=base / "run")
    config.data_root.mkdir()
    config.exec_root.mkdir()
    rootfs = make_rootfs(config.data_root / "rootfs")
    service = RuntimeService(config)
    await service.open()
    box = Machine(service, config, rootfs)
    yield box
    for bundle in (config.exec_root / "containers").glob("*"):
        await box.service.delete(bundle.name)
    await box.service.close()


def has_listener(path: Path) -> bool:
    """Tell whether a conmon still listens below a directory."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(str(path / "attach"))
        except OSError:
            return False
    return True
