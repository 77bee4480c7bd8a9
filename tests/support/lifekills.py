"""A program: the life of a container, cut off at one call after another, and then explained.

``python -m tests.support.lifekills SCRATCH MIRROR CGROUP KILLS SEED``: an engine takes a container
through create, start, stop and removal and dies, without a last word, at the n-th call of one of
its own functions. The next engine must find a whole state, and be able to go on to the end.
Writes a line for each kill and ends with 0 when nothing was wrong.
"""

import asyncio
import os
import random
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from boxship.engine import Engine
from boxship.engine.config import ContainerDefaults, EngineConfig, RegistryConfig
from boxship.engine.containers.container import (
    Container,
    ContainerConfig,
    ContainerRequest,
    HostConfig,
    Status,
)
from boxship.engine.containers.filters import ListQuery
from boxship.engine.containers.recovery import INTERRUPTED
from boxship.engine.networks.sandbox import PortSpec
from boxship.linux.mount import mount_points
from tests.support.waiting import wait_until

KILLED = 137
START_SECONDS = 5.0
"""More than any start takes, less than any of its time limits."""
_OWN_CODE = (os.sep + os.path.join("boxship", "engine"), os.sep + os.path.join("boxship", "linux"))


class Fuse:
    """Ends the process at its n-th call of an engine function, in whatever thread."""

    def __init__(self, calls: int) -> None:
        self.calls = 0
        self._limit = calls
        self._lock = threading.Lock()

    def light(self) -> None:
        """Count from now on, in this thread and those that are yet to come."""
        threading.setprofile(self._called)
        sys.setprofile(self._called)

    def _called(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or not any(part in frame.f_code.co_filename for part in _OWN_CODE):
            return
        with self._lock:
            self.calls += 1
            if self.calls == self._limit:
                os.write(1, f"killed in {frame.f_code.co_qualname}\n".encode())
                os._exit(KILLED)


def request() -> ContainerRequest:
    """A container that needs something of every service."""
    return ContainerRequest(
        name="life",
        config=ContainerConfig(image="busybox", cmd=("sleep", "900"), volumes=("/data", "/etc")),
        host=HostConfig(port_bindings=(PortSpec(container_port=80, protocol="tcp", host_port=81),)),
    )


async def live(engine: Engine) -> None:
    """The life that is cut off."""
    containers = engine.containers
    await containers.create(request())
    await containers.start("life")
    await containers.pause("life")
    await containers.unpause("life")
    await containers.stop("life", timeout_s=0)
    await containers.restart("life", timeout_s=0)
    await containers.remove("life", force=True, volumes=True)


async def explain(engine: Engine) -> None:
    """Check what the next engine made of it, and go on from there."""
    found = engine.containers.select(ListQuery(all=True))
    for container in found:
        check_state(engine, container)
    if not found:
        await engine.containers.create(request())
    container = engine.containers.get("life")
    if container.state.status == Status.PAUSED:
        await engine.containers.unpause("life")
    elif container.state.status != Status.RUNNING:
        await engine.containers.start("life")
    check_state(engine, engine.containers.get("life"))
    await engine.containers.stop("life", timeout_s=0)
    await engine.containers.remove("life", volumes=True)


def check_state(engine: Engine, container: Container) -> None:
    """A container runs with all it needs, or it does not and has nothing."""
    state = container.state
    running = state.status in (Status.RUNNING, Status.PAUSED)
    assert running or state.status in (Status.CREATED, Status.EXITED), state
    assert state.intent == "", state
    assert state.error in ("", INTERRUPTED), state
    assert running == bool(state.pid), state
    assert running == (engine.networks.sandbox(container.id) is not None), state
    if running:
        assert os.path.exists(f"/proc/{state.pid}"), state
        assert engine.storage.is_mounted(container.id)
    assert {point.name for point in container.mounts} == {v.name for v in engine.volumes.list({})}


async def check_empty(engine: Engine, config: EngineConfig) -> None:
    """Nothing is left of the container."""
    await engine.networks.settle()
    await asyncio.to_thread(engine.storage.wait_background)
    assert engine.storage.container_ids() == []
    assert engine.volumes.list({}) == []
    assert not list((config.exec_root / "containers").iterdir())
    assert not list((config.data_root / "containers").iterdir())
    assert not any(directory.is_dir() for directory in config.exec_root.glob("crun/*"))
    await asyncio.to_thread(wait_until, lambda: not _left(config))


def _left(config: EngineConfig) -> list[str]:
    listed = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True)
    rules = [line for line in listed.stdout.splitlines() if "81" in line and "dport" in line]
    mounts = [m.target for m in mount_points() if f"{config.data_root}/overlay" in m.target]
    links = [name for name in os.listdir("/sys/class/net") if name.startswith("veth")]
    return rules + mounts + links + _processes(str(config.exec_root / "containers"))


def _processes(mark: str) -> list[str]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if mark in line:
            found.append(line)
    return found


def in_child(work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Do some work in a process of its own; returns how it ended."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(work())
        except BaseException:
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


async def _prepare(config: EngineConfig) -> None:
    engine = await Engine.open(config)
    await engine.images.pull("busybox", progress=lambda _: None)
    await live(engine)
    fuse = Fuse(0)
    fuse.light()
    await live(engine)
    sys.setprofile(None)
    (config.data_root / "calls").write_text(str(fuse.calls))
    await engine.close()


async def _cut_off(config: EngineConfig, calls: int) -> None:
    engine = await Engine.open(config)
    Fuse(calls).light()
    await live(engine)
    sys.setprofile(None)
    await engine.close()


async def _go_on(config: EngineConfig) -> None:
    async with asyncio.timeout(START_SECONDS):
        engine = await Engine.open(config)
    await explain(engine)
    await check_empty(engine, config)
    await engine.close()


def main(scratch: str, mirror: str, cgroup: str, kills: str, seed: str) -> int:
    """Run the whole; returns the exit status."""
    config = EngineConfig(
        data_root=Path(scratch) / "data",
        exec_root=Path(scratch) / "exec",
        registry=RegistryConfig(mirrors=(mirror,)),
        containers=ContainerDefaults(cgroup_parent=cgroup),
    )
    if in_child(lambda: _prepare(config)) != 0:
        return 1
    calls = int((config.data_root / "calls").read_text())
    chance = random.Random(int(seed))
    step = calls / int(kills)
    for number in range(int(kills)):
        moment = int((number + chance.random()) * step) + 1
        print(f"call {moment} of {calls}")
        ended = in_child(partial(_cut_off, config, moment))
        if ended not in (0, KILLED) or in_child(lambda: _go_on(config)) != 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
