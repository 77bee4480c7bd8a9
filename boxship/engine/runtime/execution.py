"""Further processes in a container: each under a conmon of its own, like the container itself."""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from boxship.engine.runtime import shim, spec
from boxship.engine.runtime.attachment import Attachment
from boxship.engine.runtime.errors import CommandError, RuntimeFailedError
from boxship.engine.runtime.hub import AttachHub
from boxship.engine.runtime.launcher import (
    CONFIG_FILE,
    CREATE_FAILED,
    check_command,
    discard,
    runtime_message,
)
from boxship.engine.runtime.runtimes import Runtime
from boxship.engine.runtime.shim import Shim, SyncPipe
from boxship.engine.runtime.supervised import Supervised, start_time_or_zero
from boxship.engine.runtime.task import AttachRequest, ExecSpec, TaskExit, TaskHandle, TaskSpec
from boxship.engine.runtime.view import View
from boxship.engine.security.users import lookup
from boxship.wire.duplex import Duplex

EXEC_FAILED = "OCI runtime exec failed: exec failed: unable to start container process: "


class ExecTask:
    """A process that was executed in a container."""

    def __init__(self, exec_id: str, process: Supervised, attachment: Attachment | None) -> None:
        self.id = exec_id
        self.process = process
        self.session = _session_of(process.handle.pid)
        """Its session (setsid(2)), which what it starts is in too; 0: it was gone already."""
        self._attachment = attachment

    @property
    def pid(self) -> int:
        """Its number on the host."""
        return self.process.handle.pid

    @property
    def exit(self) -> TaskExit | None:
        """How it ended; known before its client sees the end of the output."""
        return self.process.exit

    async def wait(self) -> TaskExit:
        """Return how it ended, once it has."""
        return await self.process.wait()

    async def wait_streams(self) -> bool:
        """Serve the client until the output has ended or it has left; True: by its detach keys."""
        if self._attachment is None:
            return False
        await self._attachment.run()
        return self._attachment.detached


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


class Executor:
    """Starts exec processes."""

    def __init__(self, view: View, conmon: str, host: spec.Host, exec_root: Path) -> None:
        self._view = view
        self._conmon = conmon
        self._host = host
        self._exec_root = exec_root
        self.root = exec_root / "exec"
        """One directory per container, in it one per exec that runs."""

    async def start(
        self,
        task: TaskSpec,
        pid: int,
        runtime: Runtime,
        wanted: ExecSpec,
        attach: tuple[AttachRequest, Duplex] | None,
    ) -> ExecTask:
        """Execute a command in the container of ``task``, whose first process is ``pid``.

        A client's streams are joined before the command begins. Raises CommandError when it
        cannot be executed.
        """
        config = json.loads((task.bundle / CONFIG_FILE).read_bytes())
        process = _process(config, wanted, self._host)
        _check(pid, process)
        directory = self.root / wanted.container_id / wanted.id
        directory.mkdir(parents=True, mode=0o700)
        hub = AttachHub()
        hub.configure(terminal=wanted.terminal, open_stdin=wanted.open_stdin, stdin_once=True)
        attachment = None if attach is None else hub.attach(*attach)
        try:
            (directory / shim.PROCESS_FILE).write_bytes(msgspec.json.encode(process))
            handle, pidfd = await self._launch(runtime, wanted, directory, hub)
        except BaseException:
            hub.finish()
            shutil.rmtree(directory, ignore_errors=True)
            raise
        return ExecTask(wanted.id, Supervised(directory, handle, hub, pidfd), attachment)

    async def _launch(
        self, runtime: Runtime, wanted: ExecSpec, directory: Path, hub: AttachHub
    ) -> tuple[TaskHandle, int]:
        arguments = shim.exec_arguments(
            self._conmon, runtime, wanted, directory, attached=hub.wanted
        )
        if not hub.wanted:
            child = await self._conmon_for(arguments, directory, {})
        else:
            child = await self._attached(arguments, directory, hub)
        try:
            pid = await _executed_pid(child)
        except BaseException:
            await discard(child)
            raise
        finally:
            child.sync.close()
        handle = TaskHandle(
            pid=pid,
            pid_start_time=start_time_or_zero(pid),
            conmon_pid=child.pid,
            conmon_start_time=start_time_or_zero(child.pid),
        )
        return handle, child.pidfd

    async def _conmon_for(
        self, arguments: list[str], directory: Path, pipes: dict[str, int]
    ) -> Shim:
        return await shim.launch(
            self._view.spawner, arguments, directory, temporary=self._exec_root, pipes=pipes
        )

    async def _attached(self, arguments: list[str], directory: Path, hub: AttachHub) -> Shim:
        """Start conmon, connect to it, and only then let it execute the command.

        conmon reads its start pipe twice: when it begins, and before it executes.
        """
        start_read, start_write = os.pipe()
        attach_read, attach_write = os.pipe()
        ready = SyncPipe(attach_read)
        try:
            try:
                os.write(start_write, b"\0")
                pipes = {"_OCI_STARTPIPE": start_read, "_OCI_ATTACHPIPE": attach_write}
                child = await self._conmon_for(arguments, directory, pipes)
            finally:
                os.close(start_read)
                os.close(attach_write)
            await ready.read()
            hub.task_created(directory)
            with contextlib.suppress(BrokenPipeError):
                os.write(start_write, b"\0")
            return child
        finally:
            os.close(start_write)
            ready.close()


def _check(pid: int, process: Mapping[str, Any]) -> None:
    try:
        check_command(pid, process)
    except CommandError as error:
        message = error.message.removeprefix(CREATE_FAILED)
        raise type(error)(EXEC_FAILED + message) from None


def _process(config: Mapping[str, Any], wanted: ExecSpec, host: spec.Host) -> dict[str, Any]:
    """Return the exec's ``process`` object: the container's own, with what is asked otherwise."""
    process: dict[str, Any] = dict(config["process"])
    identity = lookup(config["root"]["path"], wanted.user, wanted.additional_groups)
    caps = host.capabilities if wanted.privileged else process["capabilities"]["bounding"]
    process.update(
        args=list(wanted.args),
        env=list(wanted.env),
        cwd=wanted.cwd or "/",
        terminal=wanted.terminal,
        user=spec.user_object(identity),
        capabilities=spec.capability_sets(caps, identity.uid),
    )
    process.pop("consoleSize", None)
    if wanted.terminal and wanted.console_size and all(wanted.console_size):
        process["consoleSize"] = spec.console_size_object(wanted.console_size)
    if wanted.privileged and "apparmorProfile" in process:
        process["apparmorProfile"] = "unconfined"
    return process


async def _executed_pid(child: Shim) -> int:
    report = await child.sync.read()
    if report is None:
        raise RuntimeFailedError(f"{EXEC_FAILED}conmon ended without a report")
    if report.data < 0:
        raise RuntimeFailedError(EXEC_FAILED + runtime_message(report.message))
    return report.data


async def remove_when_over(task: ExecTask) -> None:
    """Remove an exec's directory when it has ended."""
    await task.wait()
    directory = task.process.directory
    await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
