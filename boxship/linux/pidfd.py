"""Processes held by descriptor, so that a reused number is never taken for the same process."""

import asyncio
import ctypes
import errno
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from boxship.linux.syscalls import system_call

_pidfd_getfd = system_call(438, ctypes.c_int, ctypes.c_int, ctypes.c_uint)


def start_time(pid: int) -> int:
    """Return when a process started, in clock ticks since boot (field 22 of proc_pid_stat(5)).

    Raises ProcessLookupError when there is no such process.
    """
    return _stat_field(pid, 22)


def _stat_field(pid: int, number: int) -> int:
    """Return a field of proc_pid_stat(5) behind the command's name, numbered as there."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH)) from None
    return int(stat.rpartition(b") ")[2].split()[number - 3])


def started_at_ns(ticks: int) -> int:
    """Return what ``start_time`` gave as nanoseconds since the epoch."""
    since_boot = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME) + since_boot


def open_process(pid: int, started: int | None = None) -> int:
    """Return a descriptor of a process; with ``started``, only if it is that very process.

    Raises ProcessLookupError when the process is gone or the number was given to another.
    """
    descriptor = os.pidfd_open(pid)
    try:
        if started is not None and start_time(pid) != started:
            raise ProcessLookupError(errno.ESRCH, f"process {pid} is another one by now")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_gone(pid: int, started: int) -> bool:
    """Tell whether a process, known by its start time, has ended (it may still be a zombie)."""
    try:
        descriptor = open_process(pid, started)
    except ProcessLookupError:
        return True
    try:
        return has_exited(descriptor)
    finally:
        os.close(descriptor)


def send_signal(pidfd: int, number: int) -> bool:
    """Send a signal; tell whether the process was there to take it."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return False
    return True


def kill_session(session: int, candidates: Iterable[int]) -> None:
    """Send SIGKILL to those processes among ``candidates`` that are in a session (setsid(2))."""
    for pid in candidates:
        with suppress(ProcessLookupError):
            descriptor = open_process(pid)
            try:
                if _stat_field(pid, 6) == session:
                    send_signal(descriptor, signal.SIGKILL)
            finally:
                os.close(descriptor)


def has_exited(pidfd: int) -> bool:
    """Tell whether the process has ended (it may still be a zombie)."""
    return not send_signal(pidfd, 0) or _is_zombie(pidfd)


def _is_zombie(pidfd: int) -> bool:
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_bytes().splitlines():
        if line.startswith(b"Pid:"):
            pid = int(line[4:])
            break
    else:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return pid <= 0 or stat.rpartition(b") ")[2][:1] in b"ZX"


async def wait_readable(descriptor: int) -> None:
    """Return when a descriptor can be read; for a pidfd that is when its process has ended."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def arrived() -> None:
        loop.remove_reader(descriptor)
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, arrived)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


def reap(pidfd: int) -> int | None:
    """Collect a child that has ended and return its wait status as a shell's exit code.

    None when it has not ended, or is not our child (anyone's, after the engine was restarted).
    """
    try:
        result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        return None
    if result is None:
        return None
    return result.si_status + (0 if result.si_code == os.CLD_EXITED else 128)


def copy_descriptor(pidfd: int, number: int) -> int:
    """Return a close-on-exec copy of another process's descriptor (pidfd_getfd(2), Linux 5.6)."""
    return _pidfd_getfd(pidfd, number, 0)
