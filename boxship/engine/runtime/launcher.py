"""Creating and starting tasks: config.json, conmon, the OCI runtime, and their failures."""

import asyncio
import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from boxship.engine.runtime import explain, shim, spec
from boxship.engine.runtime.errors import (
    CommandError,
    CommandNotExecutableError,
    CommandNotFoundError,
    RuntimeFailedError,
)
from boxship.engine.runtime.explain import Command
from boxship.engine.runtime.filters import COMPILED_FILE, FilterCache
from boxship.engine.runtime.runtimes import CRUN, Runtime
from boxship.engine.runtime.shim import Shim
from boxship.engine.runtime.supervised import start_time_or_zero
from boxship.engine.runtime.task import TaskHandle, TaskSpec
from boxship.engine.runtime.view import View
from boxship.engine.runtime.workload import Workload
from boxship.engine.security import apparmor
from boxship.errors import BoxshipError, InvalidParameterError, NotSupportedError
from boxship.linux import pidfd

CONFIG_FILE = "config.json"
CREATE_FAILED = (
    "failed to create task for container: OCI runtime create failed:"
    " unable to start container process: "
)
_ENVIRONMENT = {"PATH": explain.DEFAULT_PATH}
_NOT_EXECUTABLE = ("open executable", "exec format error", '": is a directory')
"""What the OCI runtimes say of a file that is there."""


class Launcher:
    """Brings tasks up to the point where they run."""

    def __init__(self, view: View, conmon: str, host: spec.Host, exec_root: Path) -> None:
        self._view = view
        self._conmon = conmon
        self._host = host
        self._exec_root = exec_root
        self._filters = FilterCache(exec_root / "seccomp")

    async def create(
        self, task: TaskSpec, workload: Workload, runtime: Runtime
    ) -> tuple[Shim, TaskHandle]:
        """Create a container that waits to be started. Raises what kept it from being created."""
        config = spec.build(workload, self._host)
        if profile := config["process"].get("apparmorProfile"):
            await asyncio.to_thread(apparmor.require, profile)
        uncompiled = self._filters.apply(config, runtime)
        _prepare(task.bundle, msgspec.json.encode(config), task.log_path)
        sources = [one.source for one in workload.mounts if one.type == "bind"]
        spawner = await self._view.spawner_for(sources)
        arguments = shim.container_arguments(
            self._conmon, runtime, task, systemd_cgroups=self._host.systemd_cgroups
        )
        child = await shim.launch(spawner, arguments, task.bundle, temporary=self._exec_root)
        try:
            pid = await _created_pid(child, workload, runtime)
        except BaseException:
            await discard(child)
            raise
        finally:
            child.sync.close()
        if uncompiled:
            self._filters.learn(uncompiled, runtime.root / task.id / COMPILED_FILE)
        return child, TaskHandle(
            pid=pid,
            pid_start_time=start_time_or_zero(pid),
            conmon_pid=child.pid,
            conmon_start_time=start_time_or_zero(child.pid),
        )

    async def start(self, task: TaskSpec, pid: int, runtime: Runtime) -> None:
        """Let a created container execute its command, if it can be executed."""
        check_command(pid, json.loads((task.bundle / CONFIG_FILE).read_bytes())["process"])
        if runtime.program == CRUN and _release(runtime.root / task.id / "exec.fifo"):
            return
        await run_runtime(self._view, runtime, "start", task.id)

    async def status(self, task: TaskSpec, runtime: Runtime) -> str:
        """Return what the OCI runtime calls a container's state (runtime spec, "State")."""
        text = await run_runtime(self._view, runtime, "state", task.id)
        return str(json.loads(text)["status"])


def check_command(pid: int, process: Mapping[str, Any]) -> None:
    """Raise CommandError where the kernel would refuse to execute the command in ``process``.

    ``pid`` is any process of the container: what it sees is what counts. The runtimes only find
    out when the container has begun, and then know no more than an errno.
    """
    args = process["args"]
    if args[0] == spec.INIT_PATH and len(args) > 2:
        args = args[2:]
    user = process["user"]
    command = Command(
        name=args[0],
        search_path=explain.search_path(process["env"]),
        cwd=process["cwd"],
        uid=user["uid"],
        gids=frozenset((user["gid"], *user.get("additionalGids", ()))),
    )
    try:
        refusal = explain.examine(f"/proc/{pid}/root", command)
    except (FileNotFoundError, ProcessLookupError):
        return  # the container is gone; starting it says so
    if refusal is not None:
        raise type(refusal)(CREATE_FAILED + refusal.message)


def _prepare(bundle: Path, config: bytes, log_path: Path | None) -> None:
    bundle.mkdir(parents=True, exist_ok=True, mode=0o700)
    (bundle / CONFIG_FILE).write_bytes(config)
    if log_path is not None:
        if ":" in str(log_path):
            raise InvalidParameterError(f"a log cannot be kept at {log_path}: it has a colon")
        log_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)


async def _created_pid(child: Shim, workload: Workload, runtime: Runtime) -> int:
    report = await child.sync.read()
    if report is None and not os.access(runtime.path, os.X_OK):
        raise NotSupportedError(
            f"{CREATE_FAILED}the OCI runtime {runtime.name!r} cannot be used: {runtime.path} is"
            " not there (any more) or not executable"
        )
    if report is None:
        raise RuntimeFailedError(
            f"{CREATE_FAILED}conmon ended without a report; is the bundle's file system full?"
        )
    if report.data < 0:
        raise _create_error(report.message, workload)
    return report.data


async def discard(child: Shim) -> None:
    """Wait for a conmon that failed, and free it."""
    try:
        await pidfd.wait_readable(child.pidfd)
        pidfd.reap(child.pidfd)
    finally:
        os.close(child.pidfd)


def runtime_message(text: str) -> str:
    """Return the last thing that an OCI runtime wrote, without its time and level."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "the OCI runtime gave no reason"
    last = lines[-1]
    if last.startswith("{"):
        try:
            return str(json.loads(last).get("msg", last))
        except ValueError:
            return last
    head, _, rest = last.partition(": ")
    return rest if head[:4].isdigit() and rest else last


def _create_error(text: str, workload: Workload) -> BoxshipError:
    message = runtime_message(text)
    command = workload.process.args[0]
    explained = command_error(message, str(workload.rootfs), _command(workload))
    if explained is not None:
        return explained
    return RuntimeFailedError(f'{CREATE_FAILED}"{command}": {message}')


def _command(workload: Workload) -> Command:
    process = workload.process
    return Command(
        name=process.args[0], search_path=explain.search_path(process.env), cwd=process.cwd
    )


def command_error(message: str, root: str, command: Command) -> CommandError | None:
    """Return what an OCI runtime's message about a command means; None if it is about others."""
    lowered = message.lower()
    kind: type[CommandError]
    if "executable file" in lowered and "not found" in lowered:
        kind = CommandNotFoundError
    elif any(word in lowered for word in _NOT_EXECUTABLE):
        kind = CommandNotExecutableError
    else:
        return None
    found = explain.examine(root, command)
    if isinstance(found, kind):
        return kind(CREATE_FAILED + found.message)
    if kind is CommandNotFoundError:
        return kind(f'{CREATE_FAILED}exec: "{command.name}": executable file not found in $PATH')
    # On a mount of the container's, which cannot be looked at from here.
    if "operation not permitted" in lowered or "is a directory" in lowered:
        reason = "is a directory or another thing that is no file"  # crun says so by EPERM
    else:
        reason = message
    return kind(f'{CREATE_FAILED}exec: "{command.name}": permission denied: {reason}')


def _release(fifo: Path) -> bool:
    """Do what ``crun start`` does, 4 ms faster: write one byte to the FIFO that it waits at."""
    try:
        descriptor = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENXIO):
            return False
        raise
    try:
        os.unlink(fifo)
        os.write(descriptor, b"\0")
    finally:
        os.close(descriptor)
    return True


async def run_runtime(view: View, runtime: Runtime, *arguments: str) -> bytes:
    """Run a verb of an OCI runtime; returns its output. Raises RuntimeFailedError."""
    result = await asyncio.shield(
        asyncio.ensure_future(view.spawner.run((*runtime.command, *arguments), _ENVIRONMENT))
    )
    if result.exit_code != 0:
        text = runtime_message(result.stderr.decode(errors="replace"))
        raise RuntimeFailedError(f"OCI runtime {arguments[0]} failed: {text}")
    return result.stdout
