"""What the machine has for containers."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from boxship.engine.config import EngineConfig
from boxship.engine.runtime import spec
from boxship.engine.security import apparmor, capabilities
from boxship.errors import InvalidParameterError, NotSupportedError
from boxship.linux import cgroups, namespaces
from boxship.linux.cgroups import Hierarchies

CGROUPFS = "cgroupfs"
SYSTEMD = "systemd"
SYSTEMD_SLICE = "system.slice"


@dataclass(frozen=True, slots=True)
class HostInfo:
    """The result of a probe."""

    hierarchies: Hierarchies
    spec: spec.Host
    conmon: str
    """Path of the program; empty where it is missing."""
    chrooted: bool
    """Programs that join a mount namespace would leave the engine's root."""

    def check(self) -> None:
        """Raise NotSupportedError, saying what to do, where containers cannot run at all."""
        if not self.conmon:
            raise NotSupportedError("conmon is not installed: install the package conmon")
        if self.chrooted:
            raise NotSupportedError(
                "the engine runs in a chroot, which the programs it starts would get out of: "
                "start it in a mount namespace of its own (unshare --mount, pivot_root) or in a "
                "container"
            )
        if not self.hierarchies.controllers:
            raise NotSupportedError(
                "no control groups are mounted: mount cgroup2 at /sys/fs/cgroup"
            )


def probe(config: EngineConfig) -> HostInfo:
    """Look at the machine. Raises InvalidParameterError for an unknown cgroup driver."""
    hierarchies = cgroups.detect()
    systemd = _uses_systemd(config.cgroup_driver, hierarchies)
    host = spec.Host(
        capabilities=capabilities.bounding_set(),
        systemd_cgroups=systemd,
        cgroup_parent=SYSTEMD_SLICE if systemd else "/boxship",
        swap_accounting=_limits_swap(hierarchies),
        apparmor_profile=apparmor.DEFAULT_PROFILE if apparmor.is_usable() else "",
    )
    return HostInfo(hierarchies, host, shutil.which("conmon") or "", namespaces.is_chrooted())


def _uses_systemd(driver: str, hierarchies: Hierarchies) -> bool:
    if driver not in ("", CGROUPFS, SYSTEMD):
        raise InvalidParameterError(
            f"unknown cgroup driver {driver!r}: choose {CGROUPFS} or {SYSTEMD}"
        )
    runs = Path("/run/systemd/system").is_dir()
    if driver == SYSTEMD and not runs:
        raise InvalidParameterError("cgroup driver systemd: systemd does not run this machine")
    return driver == SYSTEMD or (not driver and runs and hierarchies.version == 2)


def _limits_swap(hierarchies: Hierarchies) -> bool:
    if hierarchies.version == 2:
        return Path("/proc/swaps").exists()
    memory = hierarchies.directory("/", "memory")
    return memory is not None and (memory / "memory.memsw.limit_in_bytes").exists()
