"""Namespaces of the calling thread: unshare(2) and setns(2).

A namespace belongs to a thread. A thread that changes its own leaves the rest of the process where
it was, and the programs that it starts inherit from it.
"""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from boxship.linux import mount
from boxship.linux.syscalls import function

CLONE_FS = 0x00000200
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

unshare = function("unshare", ctypes.c_int)
"""unshare(flags): give the calling thread new namespaces of these kinds."""
setns = function("setns", ctypes.c_int, ctypes.c_int)
"""setns(fd, kind): move the calling thread into the namespace that the descriptor refers to."""


def own_working_directory() -> None:
    """Let chdir in this thread leave the other threads' working directory alone."""
    unshare(CLONE_FS)


def private_mounts() -> None:
    """Give the thread a mount namespace that follows the old one's shared mounts, not vice versa.

    What is mounted or unmounted in the old namespace below a shared mount happens here too; what
    happens here stays here.
    """
    unshare(CLONE_NEWNS)
    mount.set_propagation("/", mount.MS_SLAVE, recursive=True)


def is_chrooted() -> bool:
    """Tell whether this process's root is another one than its mount namespace's (chroot(2)).

    Joining the namespace that one is in already leads to its root: a thread of its own does that.
    """

    def leaves_root() -> bool:
        own_working_directory()
        before = _root_identity()
        descriptor = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(descriptor, CLONE_NEWNS)
        finally:
            os.close(descriptor)
        return before != _root_identity()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(leaves_root).result()


def _root_identity() -> tuple[int, str]:
    """Return the root directory's inode and mount: a bind mount has the same inode elsewhere."""
    descriptor = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        lines = Path(f"/proc/thread-self/fdinfo/{descriptor}").read_text().splitlines()
        mount_id = next(line for line in lines if line.startswith("mnt_id:"))
        return os.fstat(descriptor).st_ino, mount_id
    finally:
        os.close(descriptor)


def identity(pid: int | str, kind: str) -> tuple[int, int]:
    """Return device and inode of a process's namespace, which tell namespaces apart."""
    status = os.stat(f"/proc/{pid}/ns/{kind}")
    return status.st_dev, status.st_ino
