"""What this process may do to the kernel, asked of the kernel instead of guessed from its uid.

An engine may be root of the machine, or root of a user namespace only (rootless): what matters is
which capabilities it holds, and whether it holds them over the whole machine (capabilities(7),
user_namespaces(7)).
"""

from enum import IntEnum
from pathlib import Path
from typing import NamedTuple


class Capability(IntEnum):
    """The capabilities that an engine asks about; values of linux/capability.h."""

    CHOWN = 0
    DAC_OVERRIDE = 1
    NET_BIND_SERVICE = 10
    NET_ADMIN = 12
    SYS_CHROOT = 18
    SYS_ADMIN = 21
    SYS_RESOURCE = 24
    MKNOD = 27


NEEDED = (Capability.SYS_ADMIN, Capability.NET_ADMIN, Capability.CHOWN, Capability.DAC_OVERRIDE)
"""Without these no container can be run."""

_WHOLE_RANGE = 4_294_967_295


class Privileges(NamedTuple):
    """The effective capabilities, and whether they reach over the whole machine."""

    effective: int
    initial_user_namespace: bool

    def has(self, capability: Capability) -> bool:
        """Tell whether a capability is held, in whatever user namespace this is."""
        return bool(self.effective >> capability & 1)

    def missing(self) -> list[str]:
        """Return the names of the capabilities that an engine needs and this process lacks."""
        return [f"CAP_{needed.name}" for needed in NEEDED if not self.has(needed)]

    @property
    def may_make_devices(self) -> bool:
        """Tell whether device nodes can be made: never in a user namespace of one's own."""
        return self.initial_user_namespace and self.has(Capability.MKNOD)


def of_this_process(proc: Path = Path("/proc/self")) -> Privileges:
    """Read the privileges from /proc (proc(5): status, uid_map)."""
    status = (proc / "status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    mapping = (proc / "uid_map").read_text().split()
    initial = mapping[:3] == ["0", "0", str(_WHOLE_RANGE)]
    return Privileges(int(line.split()[1], 16), initial)
