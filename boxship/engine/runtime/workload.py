"""What the runtime is asked to run: everything an OCI runtime configuration is made of, resolved.

The containers package fills a :class:`Workload`; :mod:`boxship.engine.runtime.spec` turns it into
``config.json``. No Docker defaults are applied below this line: they are in the values already.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ulimit:
    """A resource limit, ``name`` without the RLIMIT_ prefix, in lower case; -1 is unlimited."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A host device that appears in the container."""

    host_path: str
    container_path: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRequest:
    """Devices by driver and capability (GPUs, CDI names)."""

    driver: str = ""
    count: int = 0
    device_ids: tuple[str, ...] = ()
    capabilities: tuple[tuple[str, ...], ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLimit:
    """A rate (bytes or operations per second) or weight for one block device."""

    path: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Limits of a container; zero or None means not set, as in Docker's HostConfig."""

    cpu_shares: int = 0
    cpu_period: int = 0
    cpu_quota: int = 0
    nano_cpus: int = 0
    cpu_realtime_period: int = 0
    cpu_realtime_runtime: int = 0
    cpuset_cpus: str = ""
    cpuset_mems: str = ""
    memory: int = 0
    memory_reservation: int = 0
    memory_swap: int = 0
    """Memory plus swap in bytes; -1 unlimited swap; 0: twice the memory."""
    memory_swappiness: int | None = None
    oom_kill_disable: bool | None = None
    pids_limit: int | None = None
    blkio_weight: int = 0
    blkio_weight_device: tuple[DeviceLimit, ...] = ()
    blkio_read_bps: tuple[DeviceLimit, ...] = ()
    blkio_write_bps: tuple[DeviceLimit, ...] = ()
    blkio_read_iops: tuple[DeviceLimit, ...] = ()
    blkio_write_iops: tuple[DeviceLimit, ...] = ()
    devices: tuple[Device, ...] = ()
    device_cgroup_rules: tuple[str, ...] = ()
    device_requests: tuple[DeviceRequest, ...] = ()
    ulimits: tuple[Ulimit, ...] = ()
    cgroup_parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mount of the container, in order of mounting (parents first)."""

    type: str
    """``bind``, ``tmpfs``, or a kernel file system name."""
    source: str
    destination: str
    options: tuple[str, ...] = ()
    """OCI mount options: ``rbind``, ``ro``, ``rprivate``, ``size=…``"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespaces:
    """Where each namespace comes from: ``private``, ``host``, or the path of one to join."""

    network: str = "private"
    pid: str = "private"
    ipc: str = "private"
    uts: str = "private"
    cgroup: str = "private"


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Who the process is to the kernel."""

    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    no_new_privileges: bool = False
    seccomp: str = ""
    """Empty: the default profile; ``unconfined``; or the JSON text of a profile."""
    apparmor: str = ""
    """Profile name; empty: the default where the kernel has AppArmor."""
    selinux: tuple[str, ...] = ()
    """``label`` options: ``user:…``, ``type:…``, ``disable``."""
    masked_paths: tuple[str, ...] | None = None
    """None: Docker's default list."""
    readonly_paths: tuple[str, ...] | None = None
    """None: Docker's default list."""
    writable_cgroups: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What is executed."""

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: str = ""
    """``[user|uid][:group|gid]``, names looked up in the root file system's own files."""
    additional_groups: tuple[str, ...] = ()
    terminal: bool = False
    console_size: tuple[int, int] | None = None
    """Rows, columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """All of one container as the runtime needs it."""

    id: str
    process: Process
    rootfs: Path
    read_only_rootfs: bool = False
    hostname: str = ""
    domainname: str = ""
    mounts: tuple[Mount, ...] = ()
    """Beside the standard ones (proc, sys, dev, mqueue, shm …), which the builder adds."""
    namespaces: Namespaces = field(default_factory=Namespaces)
    resources: Resources = field(default_factory=Resources)
    security: Security = field(default_factory=Security)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    oom_score_adj: int = 0
    shm_size: int = 64 * 1024 * 1024
    """Bytes of a /dev/shm of its own; 0: it has none."""
    shm_source: Path | None = None
    """A tmpfs on the host that is its /dev/shm, for sharing it with others."""
    init_path: str = ""
    """A static init to put in as PID 1 at /sbin/docker-init; empty: none."""
    annotations: Mapping[str, str] = field(default_factory=dict)
