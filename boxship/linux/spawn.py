"""Starting programs quickly and with a file-system view of their own.

A large interpreter must not fork. posix_spawn(3) does not copy it, and what it cannot express (a
working directory, a mount namespace) the child inherits from the thread that calls it: every
:class:`Spawner` is one thread, prepared once.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from boxship.linux import pidfd
from boxship.linux.namespaces import own_working_directory

_CHUNK = 65536
_DEFAULT_SIGNALS = tuple(
    signum for signum in signal.valid_signals() if signum not in (signal.SIGKILL, signal.SIGSTOP)
)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Child:
    """A program that was started: its pid, and a descriptor that the receiver must close."""

    pid: int
    pidfd: int


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended and what it wrote."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class Spawner:
    """A thread that starts programs; what ``prepare`` does to the thread, they inherit."""

    def __init__(self, name: str, prepare: Callable[[], None] | None = None) -> None:
        """``prepare`` runs first in the new thread; its error is raised by the first call."""
        self._prepare = prepare
        self._prepared = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def close(self) -> None:
        """End the thread once what it is doing is done."""
        self._thread.shutdown(wait=False)

    async def call(self, function: Callable[[], _Result]) -> _Result:
        """Run a short function in the thread, with the thread's view of the file system."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._prepare_and_call, function
        )

    async def spawn(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        *,
        cwd: Path = Path("/"),
        inherit: Sequence[int] = (),
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> Child:
        """Start ``argv[0]`` (an absolute path) and return without waiting for it.

        Descriptors in ``inherit`` keep their numbers; standard streams not given are /dev/null.
        """

        def start() -> Child:
            os.chdir(cwd)
            try:
                return _spawn(argv, environment, inherit, (stdin, stdout, stderr))
            finally:
                os.chdir("/")  # a thread that stays in a directory keeps its mount busy

        return await self.call(start)

    async def run(
        self, argv: Sequence[str], environment: Mapping[str, str], *, cwd: Path = Path("/")
    ) -> Completed:
        """Run a program to its end. Cancelling kills it."""
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        try:
            try:
                child = await self.spawn(
                    argv, environment, cwd=cwd, stdout=out_write, stderr=err_write
                )
            finally:
                os.close(out_write)
                os.close(err_write)
            return await _finish(child, out_read, err_read)
        finally:
            os.close(out_read)
            os.close(err_read)

    def _prepare_and_call(self, function: Callable[[], _Result]) -> _Result:
        if not self._prepared:
            own_working_directory()
            if self._prepare is not None:
                self._prepare()
            self._prepared = True
        return function()


def _spawn(
    argv: Sequence[str],
    environment: Mapping[str, str],
    inherit: Sequence[int],
    standard: tuple[int | None, int | None, int | None],
) -> Child:
    actions: list[tuple[int, int, int] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0)
        if source is None
        else (os.POSIX_SPAWN_DUP2, source, number)
        for number, source in enumerate(standard)
    ]
    actions += [(os.POSIX_SPAWN_DUP2, number, number) for number in inherit]
    pid = os.posix_spawn(
        argv[0],
        tuple(argv),
        environment,
        file_actions=actions,
        setsigmask=(),
        setsigdef=_DEFAULT_SIGNALS,
    )
    return Child(pid, os.pidfd_open(pid))


async def _finish(child: Child, out_read: int, err_read: int) -> Completed:
    try:
        stdout, stderr = await asyncio.gather(read_all(out_read), read_all(err_read))
        await pidfd.wait_readable(child.pidfd)
        exit_code = pidfd.reap(child.pidfd)
        return Completed(255 if exit_code is None else exit_code, stdout, stderr)
    except BaseException:
        pidfd.send_signal(child.pidfd, signal.SIGKILL)
        await asyncio.shield(asyncio.to_thread(os.waitid, os.P_PIDFD, child.pidfd, os.WEXITED))
        raise
    finally:
        os.close(child.pidfd)


async def read_all(descriptor: int) -> bytes:
    """Read a pipe to its end."""
    os.set_blocking(descriptor, False)
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            await pidfd.wait_readable(descriptor)
            continue
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
