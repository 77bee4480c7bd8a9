"""Launching conmon, the process that stays with each container and each exec."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from boxship.engine.runtime.errors import RuntimeFailedError
from boxship.engine.runtime.runtimes import Runtime
from boxship.engine.runtime.task import ExecSpec, TaskSpec
from boxship.linux import pidfd
from boxship.linux.spawn import Spawner
from boxship.wire import conmon

PID_FILE = "pidfile"
EXIT_FILE = "exit"
OOM_FILE = "oom"
CONTROL_FIFO = "ctl"
PROCESS_FILE = "process.json"
_TEMPORARY_LIMIT = 85
"""Longest TMPDIR below which conmon can bind its console socket (unix(7): 107 bytes)."""


class SyncPipe:
    """The reading end of conmon's report pipe."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._buffer = b""

    async def read(self) -> conmon.SyncMessage | None:
        """Return the next report, None when conmon has closed the pipe."""
        while b"\n" not in self._buffer:
            try:
                piece = os.read(self._descriptor, 65536)
            except BlockingIOError:
                await pidfd.wait_readable(self._descriptor)
                continue
            if not piece:
                return None
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return conmon.parse_sync(line)

    def close(self) -> None:
        """Close the pipe; conmon does not mind."""
        os.close(self._descriptor)


@dataclass(slots=True)
class Shim:
    """A conmon that runs: our child until the engine is restarted."""

    pid: int
    pidfd: int
    sync: SyncPipe


def container_arguments(
    program: str, runtime: Runtime, spec: TaskSpec, *, systemd_cgroups: bool
) -> list[str]:
    """Return conmon's command line for a container."""
    arguments = _common(program, runtime, spec.bundle, spec.id)
    arguments += ["--log-path", f"k8s-file:{spec.log_path}" if spec.log_path else "none"]
    if systemd_cgroups:
        arguments.append("--systemd-cgroup")
    arguments += _stdio(spec.terminal, spec.open_stdin)
    if spec.open_stdin and (spec.terminal or not spec.stdin_once):
        arguments.append("--leave-stdin-open")
    return arguments


def exec_arguments(
    program: str, runtime: Runtime, spec: ExecSpec, directory: Path, *, attached: bool
) -> list[str]:
    """Return conmon's command line for a further process in a container.

    ``attached``: conmon waits for its client before it executes anything.
    """
    arguments = _common(program, runtime, directory, spec.container_id)
    arguments += ["--log-path", "none", "--exec"]
    arguments += ["--exec-process-spec", str(directory / PROCESS_FILE)]
    arguments += ["--exec-attach"] * attached
    return arguments + _stdio(spec.terminal, spec.open_stdin)


def _common(program: str, runtime: Runtime, directory: Path, container_id: str) -> list[str]:
    arguments = [program, "--api-version", "1", "--sync", "--no-sync-log", "--full-attach"]
    arguments += ["--cid", container_id, "--cuuid", container_id, "--bundle", str(directory)]
    arguments += ["--persist-dir", str(directory), "--runtime", runtime.path]
    arguments += ["--container-pidfile", str(directory / PID_FILE)]
    arguments += [f"--runtime-arg={argument}" for argument in runtime.global_args]
    return arguments


def _stdio(terminal: bool, open_stdin: bool) -> list[str]:
    return ["--terminal"] * terminal + ["--stdin"] * open_stdin


async def launch(
    spawner: Spawner,
    arguments: Sequence[str],
    directory: Path,
    *,
    temporary: Path,
    pipes: dict[str, int] | None = None,
) -> Shim:
    """Start conmon in ``directory``; ``pipes`` are further descriptors by environment name."""
    for name in (EXIT_FILE, OOM_FILE, PID_FILE):
        (directory / name).unlink(missing_ok=True)
    read_end, write_end = os.pipe()
    inherited = {"_OCI_SYNCPIPE": write_end, **(pipes or {})}
    environment = {name: str(descriptor) for name, descriptor in inherited.items()}
    environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment["TMPDIR"] = str(temporary) if len(str(temporary)) <= _TEMPORARY_LIMIT else "/tmp"
    try:
        child = await spawner.spawn(
            arguments, environment, cwd=directory, inherit=tuple(inherited.values())
        )
    except OSError as error:
        os.close(read_end)
        raise RuntimeFailedError(f"cannot start {arguments[0]}: {error.strerror}") from error
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    return Shim(child.pid, child.pidfd, SyncPipe(read_end))


def reopen_log(directory: Path) -> None:
    """Make conmon open its log's path anew. Raises OSError when conmon is gone."""
    descriptor = os.open(directory / CONTROL_FIFO, os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(descriptor, conmon.REOPEN_LOG)
    finally:
        os.close(descriptor)
