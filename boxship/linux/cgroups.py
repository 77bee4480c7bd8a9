"""Control groups: which hierarchies this machine has, and the directories of one group in them."""

import contextlib
import errno
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from boxship.linux.mount import MountPoint, mount_points

V1_CONTROLLERS = (
    "cpuset",
    "cpu",
    "cpuacct",
    "blkio",
    "memory",
    "devices",
    "freezer",
    "net_cls",
    "perf_event",
    "net_prio",
    "hugetlb",
    "pids",
    "rdma",
    "misc",
)


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """The cgroup mounts of a machine."""

    version: int
    """1 or 2: the one that holds the resource controllers."""
    unified: Path | None = None
    """Mount point of cgroup2, on a version 1 machine too if there is one."""
    unified_controllers: frozenset[str] = frozenset()
    """Controllers that are bound to cgroup2."""
    v1: Mapping[str, Path] = field(default_factory=dict)
    """Controller (or ``name=systemd``) → its mount point."""

    @property
    def is_hybrid(self) -> bool:
        """Version 1 in force while cgroup2 still holds controllers of its own."""
        return self.version == 1 and bool(self.unified_controllers)

    @property
    def controllers(self) -> frozenset[str]:
        """Controllers that a group can be limited by."""
        if self.version == 2:
            return self.unified_controllers
        return frozenset(name for name in self.v1 if "=" not in name)

    def directories(self, path: str) -> Iterator[Path]:
        """Yield the directories of a group (``/parent/name``), whether or not they exist."""
        relative = path.lstrip("/")
        if self.version == 2 and self.unified is not None:
            yield self.unified / relative
            return
        for mount_point in dict.fromkeys(self.v1.values()):
            yield mount_point / relative
        if self.unified is not None:
            yield self.unified / relative

    def directory(self, path: str, controller: str) -> Path | None:
        """Return a group's directory for one controller; None when there is no such controller."""
        if self.version == 2:
            return None if self.unified is None else self.unified / path.lstrip("/")
        mount_point = self.v1.get(controller)
        return None if mount_point is None else mount_point / path.lstrip("/")


def detect(mountinfo: str = "/proc/self/mountinfo") -> Hierarchies:
    """Read which cgroup hierarchies are mounted."""
    unified: Path | None = None
    v1: dict[str, Path] = {}
    for point in mount_points(mountinfo):
        if point.fs_type == "cgroup2" and (unified is None or point.target == "/sys/fs/cgroup"):
            unified = Path(point.target)
        elif point.fs_type == "cgroup":
            for name in _v1_names(point):
                v1.setdefault(name, Path(point.target))
    controllers = frozenset(_read_words(unified / "cgroup.controllers") if unified else ())
    version = 1 if any("=" not in name for name in v1) else 2
    return Hierarchies(version, unified, controllers, v1)


def _v1_names(point: MountPoint) -> Iterator[str]:
    for option in point.super_options.split(","):
        if option in V1_CONTROLLERS or option.startswith("name="):
            yield option


def group_of(hierarchies: Hierarchies, pid: int, controller: str = "memory") -> str | None:
    """Return the path of a process's group (proc_pid_cgroup(5)); None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/cgroup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    for line in text.splitlines():
        number, names, path = line.split(":", 2)
        unified = number == "0" and not names
        if unified if hierarchies.version == 2 else controller in names.split(","):
            return path
    return None


def process_ids(directory: Path) -> list[int]:
    """Return the processes of a group and of all groups below it."""
    found: list[int] = []
    for group, _, _ in os.walk(directory):
        with contextlib.suppress(OSError):
            found += map(int, (Path(group) / "cgroup.procs").read_bytes().split())
    return found


def kill(directory: Path) -> None:
    """Send SIGKILL to every process of a group, whatever pid namespace it is in."""
    try:
        (directory / "cgroup.kill").write_text("1")
        return
    except OSError:
        pass  # version 1, or before Linux 5.14
    for pid in process_ids(directory):
        if pid > 1:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def remove(directory: Path) -> bool:
    """Remove a group and those below it; False while it still has processes."""
    try:
        os.rmdir(directory)
        return True
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
            raise
    removed = True
    for group, _, _ in os.walk(directory, topdown=False):
        try:
            os.rmdir(group)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            removed = False
    return removed


def read_number(path: Path) -> int | None:
    """Return the number in a file, None where there is none or it says ``max``."""
    try:
        text = path.read_bytes()
    except OSError:
        return None
    try:
        return int(text)
    except ValueError:
        return None


def read_table(path: Path) -> dict[str, int]:
    """Return a file of ``key number`` lines (``memory.stat``, ``cpu.stat``); {} if missing."""
    try:
        text = path.read_text()
    except OSError:
        return {}
    pairs = (line.rsplit(None, 1) for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
