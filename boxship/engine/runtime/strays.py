"""Tasks that an engine was creating when it was killed: nobody knows them, yet they go on.

What conmon and the OCI runtime were told is in their arguments, and there is the bundle's path.
"""

import asyncio
import os
import signal
from collections.abc import Collection, Iterator
from pathlib import Path

from boxship.linux import pidfd

CREATION_LIMIT_S = 10.0
"""How long an OCI runtime may take to finish what it was told."""


async def end(bundles: Path, known: Collection[str]) -> list[str]:
    """End the creations below ``bundles`` that are not of ``known`` tasks; returns whose.

    The OCI runtime is left to finish: only a whole container can be deleted whole. A container
    that it made still waits for its start, and is to be deleted by the caller.
    """
    found = {pid: bundle.name for pid, bundle in _processes(bundles) if bundle.name not in known}
    shims = {pid for pid in found if _program(pid) == "conmon"}
    await asyncio.gather(*(_wait(pid) for pid in found.keys() - shims))
    await asyncio.gather(*(_kill(pid) for pid in shims))
    return sorted(set(found.values()))


def _processes(bundles: Path) -> Iterator[tuple[int, Path]]:
    """Yield each process that has a bundle among its arguments."""
    prefix = f"{bundles}/".encode()
    for name in filter(str.isdigit, os.listdir("/proc")):
        for argument in _arguments(int(name)):
            path = Path(os.fsdecode(argument))
            if argument.startswith(prefix) and path.parent == bundles:
                yield int(name), path
                break


def _arguments(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def _program(pid: int) -> str:
    return os.path.basename(os.fsdecode(next(iter(_arguments(pid)), b"")))


async def _wait(pid: int) -> None:
    """Wait for the end of a process, and bring it about when it takes too long."""
    try:
        descriptor = pidfd.open_process(pid)
    except ProcessLookupError:
        return
    try:
        async with asyncio.timeout(CREATION_LIMIT_S):
            await pidfd.wait_readable(descriptor)
    except TimeoutError:
        pidfd.send_signal(descriptor, signal.SIGKILL)
    finally:
        os.close(descriptor)


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
