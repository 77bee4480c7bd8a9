"""A process that conmon stands by: a container's first one, or an exec's.

conmon's end is the event that everything hangs on: it ends when the process has ended and all
output is taken, and has left the exit status in a file by then.
"""

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from boxship.engine.runtime.hub import AttachHub
from boxship.engine.runtime.shim import EXIT_FILE, OOM_FILE
from boxship.engine.runtime.task import TaskExit, TaskHandle
from boxship.linux import pidfd
from boxship.linux.cgroups import read_table
from boxship.linux.kmsg import was_killed_for_memory

KILLED = 128 + signal.SIGKILL


class Supervised:
    """One process and its conmon, watched until both have ended."""

    def __init__(
        self, directory: Path, handle: TaskHandle, hub: AttachHub, conmon_pidfd: int
    ) -> None:
        """Takes over ``conmon_pidfd``. ``directory`` is where conmon leaves its files."""
        self.directory = directory
        self.handle = handle
        self.hub = hub
        self.exit: TaskExit | None = None
        self.memory_group: Path | None = None
        """Where the kernel counts this task's out-of-memory kills."""
        self._killed = False
        self._conmon_pidfd = conmon_pidfd
        self._pidfd = _open_or_none(handle)
        self._ended: asyncio.Future[TaskExit] = asyncio.get_running_loop().create_future()
        self._watching = asyncio.create_task(self._watch())

    @property
    def alive(self) -> bool:
        """Whether the process itself still runs."""
        return self._pidfd is not None and not pidfd.has_exited(self._pidfd)

    async def wait(self) -> TaskExit:
        """Return how the process ended, when it has and its output was delivered."""
        return await asyncio.shield(self._ended)

    def signal(self, number: int) -> bool:
        """Send a signal; tell whether the process was there to take it."""
        sent = self._pidfd is not None and pidfd.send_signal(self._pidfd, number)
        self._killed = self._killed or (sent and number == signal.SIGKILL)
        return sent

    def copy_terminal(self) -> int | None:
        """Return a copy of the terminal's master, which conmon has; None if there is none.

        conmon's own resize command mixes up commands that arrive together; this is also at once.
        """
        directory = f"/proc/{self.handle.conmon_pid}/fd"
        try:
            for name in os.listdir(directory):
                if os.readlink(f"{directory}/{name}").endswith("/ptmx"):
                    return pidfd.copy_descriptor(self._conmon_pidfd, int(name))
        except OSError:
            return None
        return None

    async def abandon(self) -> None:
        """Stop watching; process and conmon go on (the engine closes)."""
        if self._watching.done():
            return
        self._watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watching
        self.hub.finish()
        self._close()

    async def _watch(self) -> None:
        draining = asyncio.create_task(self._drain_when_dead())
        try:
            await pidfd.wait_readable(self._conmon_pidfd)
            pidfd.reap(self._conmon_pidfd)
            ended = read_exit(self.directory) or await self._bury()
            self.hub.task_died()
            await self.hub.wait_eof()
        finally:
            draining.cancel()
        self.exit = await self._with_memory_events(ended)
        self._close()
        self._ended.set_result(self.exit)
        self.hub.finish()

    async def _drain_when_dead(self) -> None:
        if self._pidfd is not None:
            await pidfd.wait_readable(self._pidfd)
            self.hub.task_died()

    async def _with_memory_events(self, ended: TaskExit) -> TaskExit:
        # conmon learns of an out-of-memory kill by an event that the process's end may overtake.
        group = self.memory_group
        if ended.oom_killed or group is None or ended.exit_code != KILLED:
            return ended
        events = read_table(group / "memory.events") or read_table(group / "memory.oom_control")
        if events:
            killed = events.get("oom_kill", 0) > 0
        else:
            # systemd removes a scope with its last process: only the kernel's log is left.
            pid = self.handle.pid
            killed = not self._killed and await asyncio.to_thread(was_killed_for_memory, pid)
        return replace(ended, oom_killed=killed)

    async def _bury(self) -> TaskExit:
        """End a process whose conmon was killed: nobody reads its output or its status."""
        if self._pidfd is None or not pidfd.send_signal(self._pidfd, signal.SIGKILL):
            return lost(f"its supervisor (conmon, pid {self.handle.conmon_pid}) was killed")
        await pidfd.wait_readable(self._pidfd)
        return lost(
            f"its supervisor (conmon, pid {self.handle.conmon_pid}) was killed; what it ran was"
            " killed too, as nothing could read its output any more"
        )

    def _close(self) -> None:
        os.close(self._conmon_pidfd)
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


def read_exit(directory: Path) -> TaskExit | None:
    """Return what conmon wrote at the end of a process; None when it did not."""
    path = directory / EXIT_FILE
    try:
        status = int(path.read_bytes())
        exited_at_ns = path.stat().st_mtime_ns
    except (OSError, ValueError):
        return None
    oom_killed = (directory / OOM_FILE).exists()
    return TaskExit(exit_code=status & 0xFF, exited_at_ns=exited_at_ns, oom_killed=oom_killed)


def lost(reason: str) -> TaskExit:
    """Return the end of a process whose own status nobody knows."""
    return TaskExit(exit_code=KILLED, exited_at_ns=time.time_ns(), reason=reason)


def _open_or_none(handle: TaskHandle) -> int | None:
    if not handle.pid_start_time:
        return None
    try:
        return pidfd.open_process(handle.pid, handle.pid_start_time)
    except ProcessLookupError:
        return None


def start_time_or_zero(pid: int) -> int:
    """Return a process's start time, 0 when it is gone already."""
    try:
        return pidfd.start_time(pid)
    except ProcessLookupError:
        return 0
