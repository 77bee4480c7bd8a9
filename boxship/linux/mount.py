"""mount(2), umount2(2) and /proc/self/mountinfo."""

import ctypes
import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from boxship.linux.syscalls import function

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_SYNCHRONOUS = 0x10
MS_REMOUNT = 0x20
MS_DIRSYNC = 0x80
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MS_STRICTATIME = 1 << 24
MNT_FORCE = 0x1
MNT_DETACH = 0x2
UMOUNT_NOFOLLOW = 0x8

Name = str | bytes | Path

OPTIONS_LIMIT = 4095
"""Bytes of ``data`` that mount(2) takes: one page with its terminator."""

_mount = function(
    "mount", ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p
)
_umount2 = function("umount2", ctypes.c_char_p, ctypes.c_int)


def mount(source: Name, target: Name, fs_type: str = "", flags: int = 0, data: Name = "") -> None:
    """Mount ``source`` at ``target``. Raises OSError with the target as its file name."""
    options = os.fsencode(data)
    if len(options) > OPTIONS_LIMIT:
        raise OSError(errno.E2BIG, "mount options do not fit into one page", os.fspath(target))
    _mount(
        os.fsencode(source),
        os.fsencode(target),
        fs_type.encode() or None,
        flags,
        options or None,
        path=os.fspath(target),
    )


def unmount(target: Name, flags: int = 0) -> None:
    """Unmount what is at ``target``; a symbolic link there is not followed."""
    _umount2(os.fsencode(target), flags | UMOUNT_NOFOLLOW, path=os.fspath(target))


def bind(source: Name, target: Name, *, recursive: bool = False) -> None:
    """Make ``source`` appear at ``target`` too."""
    mount(source, target, flags=MS_BIND | (MS_REC if recursive else 0))


def remount(target: Name, flags: int, data: Name = "") -> None:
    """Change the flags of a mount; with MS_BIND those of this mount point alone."""
    mount("none", target, flags=MS_REMOUNT | flags, data=data)


def move(source: Name, target: Name) -> None:
    """Move a mount and all below it to another place."""
    mount(source, target, flags=MS_MOVE)


def set_propagation(target: Name, kind: int, *, recursive: bool = False) -> None:
    """Set MS_SHARED, MS_SLAVE or MS_PRIVATE (mount_namespaces(7))."""
    mount("none", target, flags=kind | (MS_REC if recursive else 0))


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One line of mountinfo (proc_pid_mountinfo(5))."""

    target: str
    root: str
    """Path inside the file system that forms the root of this mount."""
    fs_type: str
    source: str
    options: str
    super_options: str
    shared: bool
    """Whether mounts made below it appear in the other members of its peer group."""


def mount_points(mountinfo: str = "/proc/self/mountinfo") -> Iterator[MountPoint]:
    """Yield all mounts of a mount namespace in the order in which they were made."""
    text = os.fsdecode(Path(mountinfo).read_bytes())
    for line in text.splitlines():
        yield _parse(line)


def mount_point_of(path: Name) -> MountPoint:
    """Return the mount in which ``path`` lies, the topmost where several cover each other."""
    resolved = os.path.realpath(os.fsdecode(path))
    found: MountPoint | None = None
    for point in mount_points():
        inside = resolved == point.target or resolved.startswith(point.target.rstrip("/") + "/")
        if inside and (found is None or len(point.target) >= len(found.target)):
            found = point
    if found is None:
        raise OSError(errno.EINVAL, "no mount point holds this path", resolved)
    return found


def is_mount_point(path: Name) -> bool:
    """Tell whether something is mounted exactly at ``path``, bind mounts included."""
    resolved = os.path.realpath(os.fsdecode(path))
    return any(point.target == resolved for point in mount_points())


def share(directory: Name) -> bool:
    """See to it that mounts made below ``directory`` reach slave namespaces.

    Where the surrounding mount is private, the directory becomes a shared bind mount of itself.
    Idempotent. Returns whether the directory is such a bind mount (to be unmounted when it is no
    longer needed).
    """
    surrounding = mount_point_of(directory)
    if surrounding.target == os.path.realpath(os.fsdecode(directory)):
        set_propagation(directory, MS_SHARED)
        return os.stat(directory).st_dev == os.stat(Path(os.fsdecode(directory)).parent).st_dev
    if surrounding.shared:
        return False
    bind(directory, directory)
    set_propagation(directory, MS_PRIVATE)
    set_propagation(directory, MS_SHARED)
    return True


def _parse(line: str) -> MountPoint:
    before, _, after = line.partition(" - ")
    fields = before.split(" ")
    fs_type, source, super_options = after.split(" ", 2)
    return MountPoint(
        target=_unescape(fields[4]),
        root=_unescape(fields[3]),
        fs_type=fs_type,
        source=_unescape(source),
        options=fields[5],
        super_options=super_options,
        shared=any(field.startswith("shared:") for field in fields[6:]),
    )


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
