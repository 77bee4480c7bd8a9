"""What machine this is: its system, kernel, processors and memory."""

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_GO_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def boot_id() -> str:
    """Return what tells this boot of the machine from all others (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Facts that hold until the next boot."""

    name: str
    operating_system: str
    """The system's own name for itself: ``Debian GNU/Linux 12 (bookworm)``."""
    os_version: str
    kernel: str
    machine: str
    """As uname says it: ``x86_64``."""
    processors: int
    """Those that this process may run on."""
    memory: int
    """Bytes."""
    codename: str = ""
    """Of the system's release: ``bookworm``."""

    @property
    def architecture(self) -> str:
        """The machine in the words of OCI platforms: ``amd64``."""
        return _GO_MACHINES.get(self.machine, self.machine)


def read_host(root: Path = Path("/")) -> Host:
    """Read the facts from uname(2), os-release(5), proc(5)."""
    system = os.uname()
    release = _os_release(root)
    return Host(
        name=system.nodename,
        operating_system=release.get("PRETTY_NAME", "Linux"),
        os_version=release.get("VERSION_ID", ""),
        kernel=system.release,
        machine=system.machine,
        processors=len(os.sched_getaffinity(0)),
        memory=_memory(root / "proc/meminfo"),
        codename=release.get("VERSION_CODENAME", ""),
    )


def _os_release(root: Path) -> dict[str, str]:
    for path in ("etc/os-release", "usr/lib/os-release"):
        try:
            lines = (root / path).read_text().splitlines()
        except OSError:
            continue
        pairs = (line.partition("=") for line in lines if "=" in line and line[0] != "#")
        return {name: "".join(shlex.split(value)) for name, _, value in pairs}
    return {}


def _memory(meminfo: Path) -> int:
    match = re.search(r"MemTotal:\s+(\d+) kB", meminfo.read_text())
    return int(match[1]) * 1024 if match else 0


def open_files() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def has_selinux() -> bool:
    """Tell whether SELinux is on in the kernel."""
    return Path("/sys/fs/selinux/enforce").exists()


def has_seccomp() -> bool:
    """Tell whether the kernel can filter system calls."""
    return Path("/proc/sys/kernel/seccomp/actions_avail").exists()
