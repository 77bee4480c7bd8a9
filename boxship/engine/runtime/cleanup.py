"""Ending tasks and removing what they leave in the kernel and in the OCI runtime."""

import asyncio
import logging
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

from boxship.engine.runtime.launcher import run_runtime
from boxship.engine.runtime.runtimes import CRUN, RUNC, Runtime, Runtimes
from boxship.engine.runtime.supervised import lost
from boxship.engine.runtime.task import TaskExit, TaskHandle
from boxship.engine.runtime.tasks import Task
from boxship.engine.runtime.view import View
from boxship.errors import BoxshipError
from boxship.linux import cgroups, pidfd
from boxship.linux.cgroups import Hierarchies
from boxship.wire.conmon import ATTACH_SOCKET

logger = logging.getLogger(__name__)

KILL_LIMIT_S = 10.0
_GROUP_TRIES = 200
_GROUP_STEP_S = 0.005


async def kill(task: Task, hierarchies: Hierarchies) -> None:
    """End all processes of a task; returns when its conmon is gone."""
    if task.process.exit is not None:
        return
    task.process.signal(signal.SIGKILL)
    _kill_group(task.group, hierarchies)
    try:
        async with asyncio.timeout(KILL_LIMIT_S):
            await task.process.wait()
    except TimeoutError:
        logger.warning("container %s: its process %d cannot be killed", *_name(task))


def _name(task: Task) -> tuple[str, int]:
    return task.spec.id, task.process.handle.pid


def _kill_group(group: str, hierarchies: Hierarchies) -> None:
    freezer = hierarchies.directory(group, "freezer") if group else None
    if freezer is not None and hierarchies.version == 1 and freezer.exists():
        # A frozen process of version 1 dies only when it is thawed.
        (freezer / "freezer.state").write_text("THAWED")
    pids = hierarchies.directory(group, "pids") if group else None
    if pids is not None and pids.exists():
        cgroups.kill(pids)


async def remove(task: Task, hierarchies: Hierarchies, view: View, *, scopes: bool) -> None:
    """Remove a task's control groups and the runtime's state of it.

    For crun and runc on cgroupfs this does in 0.3 ms what their ``delete`` takes 5 ms for: the
    groups and the state directory are all that they have. ``scopes``: systemd has the groups.
    """
    if task.runtime.program in (CRUN, RUNC) and not scopes:
        await _remove_groups(task.spec.id, task.group, hierarchies)
        shutil.rmtree(task.runtime.root / task.spec.id, ignore_errors=True)
        return
    await _delete(task.runtime, task.spec.id, view)


async def _remove_groups(task_id: str, group: str, hierarchies: Hierarchies) -> None:
    if not group.strip("/"):
        return
    left = list(hierarchies.directories(group))
    for _ in range(_GROUP_TRIES):
        left = [directory for directory in left if not cgroups.remove(directory)]
        if not left:
            return
        _kill_group(group, hierarchies)
        await asyncio.sleep(_GROUP_STEP_S)
    logger.warning("container %s: its control group %s still has processes", task_id, left[0])


async def remove_unknown(task_id: str, runtimes: Runtimes, view: View) -> None:
    """Remove what an earlier engine left of a task; nothing, most of the time."""
    for runtime in _usable(runtimes):
        if (runtime.root / task_id).exists():
            await _delete(runtime, task_id, view)


def _usable(runtimes: Runtimes) -> Iterator[Runtime]:
    seen = set()
    for name in runtimes.names():
        try:
            runtime = runtimes.resolve(name)
        except BoxshipError:
            continue
        if runtime.root not in seen:
            seen.add(runtime.root)
            yield runtime


async def _delete(runtime: Runtime, task_id: str, view: View) -> None:
    try:
        await run_runtime(view, runtime, "delete", "--force", task_id)
    except BoxshipError as error:
        if (runtime.root / task_id).exists():
            # A removal that was cut off leaves a directory that the runtime cannot read.
            logger.warning("container %s: %s", task_id, error)
            shutil.rmtree(runtime.root / task_id, ignore_errors=True)


def open_live(pid: int, started: int) -> int | None:
    """Return a descriptor of a process that still runs, None when it has ended."""
    try:
        descriptor = pidfd.open_process(pid, started)
    except ProcessLookupError:
        return None
    if not pidfd.has_exited(descriptor):
        return descriptor
    pidfd.reap(descriptor)
    os.close(descriptor)
    return None


async def bury(handle: TaskHandle) -> TaskExit:
    """End a task whose conmon is gone without a word, and say what happened."""
    if not handle.pid_start_time:
        return lost("its process ended while the engine was away")
    try:
        descriptor = pidfd.open_process(handle.pid, handle.pid_start_time)
    except ProcessLookupError:
        return lost("it ended while the engine was away and its supervisor (conmon) was gone too")
    try:
        pidfd.send_signal(descriptor, signal.SIGKILL)
        await pidfd.wait_readable(descriptor)
    finally:
        os.close(descriptor)
    return lost(
        "its supervisor (conmon) was killed while the engine was away; the container was killed"
        " too, as nothing could read its output any more"
    )


def forget_ended_execs(root: Path) -> None:
    """Remove the directories of execs that ended while no engine ran. Blocking."""
    for directory in root.glob("*/*"):
        if not _has_listener(directory):
            shutil.rmtree(directory, ignore_errors=True)
    for directory in root.glob("*"):
        try:
            directory.rmdir()
        except OSError:
            continue


def _has_listener(directory: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
        try:
            probe.connect(f"/proc/self/fd/{descriptor}/{ATTACH_SOCKET}")
        except OSError:
            return False
        finally:
            os.close(descriptor)
    return True
