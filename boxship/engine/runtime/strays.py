"""Tasks that an engine was creating when it was killed: nobody knows them, yet they go on.

What conmon and the OCI runtime were told is in their arguments, and there is the bundle's path. A
created container's first process still has the arguments of the runtime that made it.
"""

import asyncio
import os
import signal
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from boxship.engine.runtime.shim import PID_FILE
from boxship.linux import pidfd

_STEPS = 2000
_STEP_S = 0.005
"""An OCI runtime may take ten seconds to finish what it was told."""


async def end(bundles: Path, known: Collection[str]) -> list[str]:
    """End the creations below ``bundles`` that are not of ``known`` tasks; returns whose.

    The OCI runtime is left to finish: only a whole container can be deleted whole. What the
    runtime knows of it is to be deleted by the caller.
    """
    found = _processes(bundles)
    for name in known:
        found.pop(name, None)
    await asyncio.gather(*(_end(bundles / name, pids) for name, pids in found.items()))
    return sorted(found)


async def _end(bundle: Path, pids: list[int]) -> None:
    await _wait_for_creation(bundle, [pid for pid in pids if _program(pid) == "conmon"])
    for pid in _processes(bundle.parent).get(bundle.name, ()):
        await _kill(pid)


async def _wait_for_creation(bundle: Path, shims: list[int]) -> None:
    """Return when the runtime has done its work: conmon then notes the pid, or ends.

    conmon tells nobody else than the engine that is gone: it has to be asked again and again.
    """
    for _ in range(_STEPS):
        if (bundle / PID_FILE).exists() or not any(map(_arguments, shims)):
            return
        await asyncio.sleep(_STEP_S)


def _processes(bundles: Path) -> dict[str, list[int]]:
    """Return the processes that have a bundle among their arguments, by its name."""
    prefix = f"{bundles}/".encode()
    found: dict[str, list[int]] = defaultdict(list)
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        for argument in _arguments(pid):
            path = Path(os.fsdecode(argument))
            if argument.startswith(prefix) and path.parent == bundles:
                found[path.name].append(pid)
                break
    return found


def _arguments(pid: int) -> list[bytes]:
    """Return a process's command line; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _program(pid: int) -> str:
    return os.path.basename(os.fsdecode(next(iter(_arguments(pid)), b"")))


async def _kill(pid: int) -> None:
    try:
        descriptor = pidfd.open_process(pid)
    except ProcessLookupError:
        return
    try:
        pidfd.send_signal(descriptor, signal.SIGKILL)
        await pidfd.wait_readable(descriptor)
    finally:
        os.close(descriptor)
