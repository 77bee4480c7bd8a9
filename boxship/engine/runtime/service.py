"""Everything that runs processes: OCI runtimes, conmon, their streams, signals and limits."""

import asyncio
import contextlib
import fcntl
import functools
import os
import shutil
import struct
import tempfile
import termios
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from boxship.engine.config import EngineConfig
from boxship.engine.logs.rotation import Rotator
from boxship.engine.runtime import cleanup, limits, stats, strays
from boxship.engine.runtime.attachment import Attachment
from boxship.engine.runtime.execution import ExecTask, Executor, remove_when_over
from boxship.engine.runtime.host import HostInfo, probe
from boxship.engine.runtime.hub import AttachHub
from boxship.engine.runtime.launcher import Launcher, run_runtime
from boxship.engine.runtime.runtimes import Runtime, Runtimes
from boxship.engine.runtime.shim import reopen_log
from boxship.engine.runtime.spec import check_cgroup_parent
from boxship.engine.runtime.supervised import Supervised, read_exit
from boxship.engine.runtime.task import (
    AttachRequest,
    ExecSpec,
    TaskExit,
    TaskHandle,
    TaskSpec,
    TaskStats,
)
from boxship.engine.runtime.tasks import Task
from boxship.engine.runtime.view import View
from boxship.engine.runtime.workload import Resources, Workload
from boxship.errors import ConflictError, InternalError, NotFoundError
from boxship.linux import cgroups, freezer, pidfd
from boxship.wire.duplex import Duplex

_Result = TypeVar("_Result")


class RuntimeService:
    """Runs tasks. One per engine; tasks outlive it and are adopted by the next."""

    def __init__(self, config: EngineConfig) -> None:
        self._exec_root = config.exec_root
        self.host: HostInfo = probe(config)
        """What this machine has for containers."""
        self._view = View(self.host.hierarchies, (config.data_root, config.exec_root))
        self._runtimes = Runtimes(
            config.runtimes, config.default_runtime, config.exec_root / "runtimes"
        )
        common = (self._view, self.host.conmon, self.host.spec, config.exec_root)
        self._launcher = Launcher(*common)
        self._executor = Executor(*common)
        self._tasks: dict[str, Task] = {}
        self._execs: dict[str, ExecTask] = {}
        self._hubs: dict[str, AttachHub] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._rotator: Rotator | None = None

    async def open(self) -> None:
        """Prepare the machine. Raises NotSupportedError, saying what is missing."""
        self.host.check()
        self._exec_root.mkdir(parents=True, exist_ok=True, mode=0o711)
        self._view.open()
        self._rotator = Rotator()
        await asyncio.to_thread(cleanup.forget_ended_execs, self._executor.root)

    def reconfigure(self, config: EngineConfig) -> None:
        """Take over another table of runtimes."""
        self._runtimes.reconfigure(config.runtimes, config.default_runtime)

    async def close(self) -> None:
        """Let go of everything; tasks go on running."""
        for hub in self._hubs.values():
            hub.finish()
        for process in self._processes():
            await process.abandon()
        for task in tuple(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._rotator is not None:
            await self._rotator.close()
        self._view.close()

    @property
    def cgroup_version(self) -> int:
        """1 or 2."""
        return self.host.hierarchies.version

    @property
    def cgroup_driver(self) -> str:
        """``cgroupfs`` or ``systemd``."""
        return "systemd" if self.host.spec.systemd_cgroups else "cgroupfs"

    @property
    def apparmor_profile(self) -> str:
        """Profile of containers that name none; empty where there is no AppArmor."""
        return self.host.spec.apparmor_profile

    @property
    def default_runtime(self) -> str:
        """Name of the runtime of containers that name none."""
        return self._runtimes.default

    def runtimes(self) -> dict[str, Runtime]:
        """Return the usable runtimes by name."""
        found = {}
        for name in self._runtimes.names():
            with contextlib.suppress(Exception):
                found[name] = self._runtimes.resolve(name)
        return found

    def check_runtime(self, name: str) -> None:
        """Raise InvalidParameterError for an unknown runtime, NotSupportedError if it is absent."""
        self._runtimes.resolve(name)

    def check_cgroup_parent(self, parent: str) -> None:
        """Raise InvalidParameterError where the control group driver cannot have this parent."""
        check_cgroup_parent(parent, self.host.spec)

    async def create(self, spec: TaskSpec, workload: Workload) -> TaskHandle:
        """Create a container's first process; it waits until ``start``.

        Nothing is left of a failure. Being cancelled does not tear it: it is completed, undone.
        """
        return await self._whole(self._create(spec, workload))

    async def _create(self, spec: TaskSpec, workload: Workload) -> TaskHandle:
        runtime = self._runtimes.resolve(spec.runtime)
        await self.delete(spec.id, streams=False)
        hub = self._hub_for(spec)
        try:
            shim, handle = await self._launcher.create(spec, workload, runtime)
        except BaseException:
            await self.delete(spec.id)
            raise
        self._tasks[spec.id] = self._new_task(spec, runtime, handle, hub, shim.pidfd)
        return handle

    def _hub_for(self, spec: TaskSpec) -> AttachHub:
        hub = self._hubs.get(spec.id)
        if hub is None or hub.finished:
            hub = self._hubs[spec.id] = AttachHub()
        hub.configure(
            terminal=spec.terminal, open_stdin=spec.open_stdin, stdin_once=spec.stdin_once
        )
        return hub

    def _new_task(
        self, spec: TaskSpec, runtime: Runtime, handle: TaskHandle, hub: AttachHub, conmon: int
    ) -> Task:
        process = Supervised(spec.bundle, handle, hub, conmon)
        group = cgroups.group_of(self.host.hierarchies, handle.pid) or ""
        process.memory_group = self.host.hierarchies.directory(group, "memory") if group else None
        hub.task_created(spec.bundle)
        if self._rotator is not None and spec.log_path is not None and spec.log_max_bytes > 0:
            reopen = functools.partial(reopen_log, spec.bundle)
            self._rotator.watch(spec.log_path, spec.log_max_bytes, spec.log_max_files, reopen)
        return Task(spec, runtime, process, group)

    async def start(self, task_id: str) -> None:
        """Execute the command of a created task. Raises CommandError when it cannot be."""
        task = self._task(task_id)
        await self._launcher.start(task.spec, task.process.handle.pid, task.runtime)

    async def has_started(self, task_id: str) -> bool:
        """Tell whether a task was let go on to its command, by an earlier engine perhaps."""
        task = self._task(task_id)
        return await self._launcher.status(task.spec, task.runtime) != "created"

    async def adopt(self, spec: TaskSpec, handle: TaskHandle) -> TaskExit | None:
        """Supervise a task of an earlier engine again; None: it goes on, else how it ended."""
        conmon = cleanup.open_live(handle.conmon_pid, handle.conmon_start_time)
        if conmon is None:
            return read_exit(spec.bundle) or await cleanup.bury(handle)
        runtime = self._runtimes.resolve_for_running(spec.runtime)
        hub = self._hub_for(spec)
        self._tasks[spec.id] = self._new_task(spec, runtime, handle, hub, conmon)
        return None

    async def end_strays(self, bundles: Path) -> None:
        """End what an earlier engine was creating below ``bundles`` and never came to know.

        To be called when all that is known has been adopted.
        """
        for task_id in await strays.end(bundles, self._tasks):
            await self.delete(task_id)

    async def wait_exit(self, task_id: str) -> TaskExit:
        """Return how a task ended, when it has."""
        return await self._task(task_id).process.wait()

    def signal(self, task_id: str, number: int) -> None:
        """Send a signal to a task's first process. Raises ConflictError when it is gone."""
        if not self._task(task_id).process.signal(number):
            raise ConflictError(f"cannot kill container: {task_id}: process already finished")

    async def pause(self, task_id: str) -> None:
        """Freeze all processes of a task."""
        group = self._task(task_id).group
        try:
            await freezer.freeze(self.host.hierarchies, group)
        except TimeoutError:
            await freezer.thaw(self.host.hierarchies, group)
            raise InternalError(
                f"cannot pause container {task_id}: one of its processes cannot be stopped"
            ) from None
        except OSError as error:
            raise InternalError(f"cannot pause container {task_id}: {error.strerror}") from error

    async def unpause(self, task_id: str) -> None:
        """Let a paused task go on."""
        try:
            await freezer.thaw(self.host.hierarchies, self._task(task_id).group)
        except OSError as error:
            raise InternalError(f"cannot unpause container {task_id}: {error.strerror}") from error

    def is_paused(self, task_id: str) -> bool:
        """Tell whether the processes of a task are frozen."""
        try:
            return freezer.is_frozen(self.host.hierarchies, self._task(task_id).group)
        except OSError:
            return False

    async def delete(self, task_id: str, *, streams: bool = True) -> None:
        """Remove what a task left in the runtime and the kernel; one that still runs is killed.

        ``streams``: clients that wait for a start are sent away too. Idempotent.
        """
        task = self._tasks.pop(task_id, None)
        if task is not None:
            if self._rotator is not None and task.spec.log_path is not None:
                self._rotator.forget(task.spec.log_path)
            await cleanup.kill(task, self.host.hierarchies)
            await cleanup.remove(
                task,
                self.host.hierarchies,
                self._view,
                scopes=self.host.spec.systemd_cgroups,
            )
        else:
            await cleanup.remove_unknown(task_id, self._runtimes, self._view)
        shutil.rmtree(self._executor.root / task_id, ignore_errors=True)
        if streams and (hub := self._hubs.pop(task_id, None)) is not None:
            hub.finish()

    async def update(self, task_id: str, resources: Resources) -> None:
        """Change the limits of a running task."""
        task = self._task(task_id)
        document = limits.update_document(resources, swap_accounting=self.host.spec.swap_accounting)
        with tempfile.NamedTemporaryFile(dir=self._exec_root, suffix=".json") as file:
            file.write(msgspec.json.encode(document))
            file.flush()
            await run_runtime(self._view, task.runtime, "update", "--resources", file.name, task_id)

    async def resize(self, task_id: str, rows: int, columns: int) -> None:
        """Tell the terminal of a task, or of an exec by its id, how large its window is."""
        process = self._process(task_id)
        descriptor = await asyncio.to_thread(process.copy_terminal)
        if descriptor is None:
            raise ConflictError(f"cannot resize {task_id}: it has no terminal")
        try:
            fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        finally:
            os.close(descriptor)

    def attach(self, task_id: str, request: AttachRequest, client: Duplex) -> Attachment:
        """Register a client for a task that runs or will be started; ``await result.run()``.

        From this moment nothing of the task's output is lost to it.
        """
        hub = self._hubs.get(task_id)
        if hub is None:
            hub = self._hubs[task_id] = AttachHub()
        return hub.attach(request, client)

    async def exec(
        self, spec: ExecSpec, request: AttachRequest | None = None, client: Duplex | None = None
    ) -> ExecTask:
        """Execute a command in a running container; with a client, its streams are joined.

        The client is served by ``await result.wait_streams()``. Raises CommandError.
        """
        attach = (request, client) if request is not None and client is not None else None
        return await self._whole(self._exec(spec, attach))

    async def _exec(self, spec: ExecSpec, attach: tuple[AttachRequest, Duplex] | None) -> ExecTask:
        task = self._task(spec.container_id)
        started = await self._executor.start(
            task.spec, task.process.handle.pid, task.runtime, spec, attach
        )
        self._execs[spec.id] = started
        self._keep(asyncio.create_task(self._forget_exec(started)))
        return started

    async def _forget_exec(self, task: ExecTask) -> None:
        try:
            await remove_when_over(task)
        finally:
            self._execs.pop(task.id, None)

    def kill_exec(self, task_id: str, exec_id: str) -> None:
        """End an exec and what it started in its session; harmless when it has ended."""
        executed = self._execs.get(exec_id)
        if executed is not None and task_id in self._tasks:
            pidfd.kill_session(executed.session, self.pids(task_id))

    def pids(self, task_id: str) -> list[int]:
        """Return the processes of a task, as the host numbers them."""
        directory = self.host.hierarchies.directory(self._task(task_id).group, "pids")
        return [] if directory is None else cgroups.process_ids(directory)

    def stats(self, task_id: str) -> TaskStats:
        """Return what a task uses now."""
        return stats.read(self.host.hierarchies, self._task(task_id).group)

    def _task(self, task_id: str) -> Task:
        try:
            return self._tasks[task_id]
        except KeyError:
            raise NotFoundError(f"container {task_id} is not running") from None

    def _process(self, any_id: str) -> Supervised:
        if any_id in self._execs:
            return self._execs[any_id].process
        return self._task(any_id).process

    def _processes(self) -> list[Supervised]:
        tasks = [task.process for task in self._tasks.values()]
        return tasks + [task.process for task in self._execs.values()]

    async def _whole(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Do work that must not be cut short, whatever happens to who asked for it."""
        task = asyncio.create_task(work)
        self._keep(task)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait((task,))
            if not task.cancelled():
                task.exception()  # nobody is there any more to be told
            raise

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._background.add(task)
        task.add_done_callback(self._background.discard)
