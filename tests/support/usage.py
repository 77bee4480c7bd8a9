"""What a daemon holds: descriptors, tasks, threads, memory; and the check that it gives it back."""

import contextlib
import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.support.daemon import Daemon
from tests.support.waiting import wait_until

ALLOWED = 3
"""Descriptors and tasks that come and go by themselves."""
KEPT_CONNECTIONS = 8
"""Connections to a registry that may stay open: as many as transfers may run at once."""


@dataclass(frozen=True)
class Usage:
    """What the daemon holds."""

    descriptors: int
    """All but TCP connections."""
    connections: int
    """Over TCP, which the daemon has to registries only."""
    tasks: int

    def within(self, other: "Usage") -> bool:
        """Tell whether this is no more than what comes and goes."""
        return (
            self.descriptors <= other.descriptors + ALLOWED
            and self.connections <= KEPT_CONNECTIONS
            and self.tasks <= other.tasks + ALLOWED
        )


def usage(daemon: Daemon) -> Usage:
    """Count the daemon's descriptors, and its tasks by what it logs for SIGUSR1."""
    before = len(daemon.log)
    os.kill(daemon.pid, signal.SIGUSR1)
    wait_until(lambda: "Stacks of all tasks" in daemon.log[before:])
    tasks = daemon.log[before:].count("tack for <Task")
    targets = _descriptors(daemon.pid)
    over_tcp = _tcp_sockets(daemon.pid)
    connections = sum(target in over_tcp for target in targets)
    return Usage(len(targets) - connections, connections, tasks)


def returns_to(daemon: Daemon, before: Usage) -> None:
    """Wait until the daemon holds no more than it did."""
    wait_until(
        lambda: usage(daemon).within(before), lambda: f"before {before}, now {usage(daemon)}"
    )


def resident_bytes(daemon: Daemon) -> int:
    """The daemon's memory."""
    return _status(daemon, "VmRSS") * 1024


def threads(daemon: Daemon) -> int:
    """The number of its threads; worker threads stay for the next work."""
    return _status(daemon, "Threads")


def _status(daemon: Daemon, key: str) -> int:
    text = Path(f"/proc/{daemon.pid}/status").read_text(encoding="ascii")
    found = re.search(rf"^{key}:\s+(\d+)", text, re.MULTILINE)
    assert found is not None
    return int(found[1])


def _descriptors(pid: int) -> list[str]:
    """Return what each open descriptor leads to; one that closes meanwhile is left out."""
    targets = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            targets.append(os.readlink(path))
    return targets


def _tcp_sockets(pid: int) -> set[str]:
    """Return the TCP sockets of a process' network namespace as descriptors show them."""
    lines = [
        line
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]
    ]
    return {f"socket:[{line.split()[9]}]" for line in lines}
