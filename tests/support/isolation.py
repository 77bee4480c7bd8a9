"""A network and mount namespace of the test run's own, so that nothing it does reaches the host.

Bridges, addresses and firewall rules live in the new network namespace; mounts, and every file
below /run, in the new mount namespace. Both end with the test process. Control groups cannot be
parted this way: tests put theirs below ``CGROUP_PARENT``.
"""

import ctypes
import errno
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

CGROUP_PARENT = f"/boxship-test-{os.getpid()}"
_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
_CGROUPS = Path("/sys/fs/cgroup")


def enter() -> Path:
    """Move this process into namespaces of its own; return a scratch directory on tmpfs.

    Must run as root, before the process has a second thread.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS | _CLONE_NEWNET):
        code = ctypes.get_errno()
        raise OSError(code, f"cannot isolate the test run: {os.strerror(code)}")
    _run("mount", "--make-rprivate", "/")
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for name in ("lock", "netns"):
        Path("/run", name).mkdir()
    _renew_sysfs()
    _run("ip", "link", "set", "lo", "up")
    scratch = Path(tempfile.mkdtemp(prefix="bx-", dir="/tmp"))
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(scratch))
    return scratch


def leave(scratch: Path) -> None:
    """Remove what would outlive the namespaces: the mount point and the control groups."""
    _run("umount", "-l", str(scratch))
    scratch.rmdir()
    remove_cgroups(CGROUP_PARENT)


def _renew_sysfs() -> None:
    """/sys shows the network namespace in which it was mounted: mount it anew, keep the cgroups."""
    kept = Path("/run/cgroups")
    kept.mkdir()
    _run("mount", "--rbind", str(_CGROUPS), str(kept))
    _run("umount", "-l", "/sys")
    _run("mount", "-t", "sysfs", "sysfs", "/sys")
    _run("mount", "--rbind", str(kept), str(_CGROUPS))
    _run("umount", "-l", str(kept))
    kept.rmdir()


def cgroup_directories(group: str) -> list[Path]:
    """The directories of a group, in each hierarchy that has it."""
    name = group.lstrip("/")
    candidates = [_CGROUPS / name, *(child / name for child in _CGROUPS.iterdir())]
    return [path for path in candidates if path.is_dir()]


def remove_cgroups(group: str) -> None:
    """Remove a group and those below it; end what a failed test left running there."""
    for top in cgroup_directories(group):
        for directory, _, _ in os.walk(top, topdown=False):
            _remove_cgroup(Path(directory))


def _remove_cgroup(directory: Path) -> None:
    for _ in range(200):
        for pid in (directory / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        try:
            directory.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            time.sleep(0.01)  # v1 groups have no event for being empty
        else:
            return
    raise TimeoutError(f"{directory} stays in use")


def _run(*command: str) -> None:
    program = shutil.which(command[0], path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        raise FileNotFoundError(f"the test run needs the program {command[0]}")
    subprocess.run([program, *command[1:]], check=True)
