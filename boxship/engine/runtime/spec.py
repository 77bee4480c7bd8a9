"""A workload as an OCI runtime configuration (``config.json``, runtime-spec 1.0), Docker's way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from boxship.engine.runtime import devices, limits
from boxship.engine.runtime.workload import Mount, Process, Security, Workload
from boxship.engine.security import apparmor, capabilities, seccomp
from boxship.engine.security.users import Identity, lookup
from boxship.errors import InvalidParameterError

OCI_VERSION = "1.0.2"
INIT_PATH = "/sbin/docker-init"

MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = (
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
)
_SAFE = ("nosuid", "noexec", "nodev")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the machine and the engine lend to every container."""

    capabilities: tuple[str, ...]
    """That can be given away."""
    systemd_cgroups: bool = False
    cgroup_parent: str = "/boxship"
    """Group (or slice) of containers that name none."""
    swap_accounting: bool = True
    apparmor_profile: str = ""
    """Default profile; empty where containers cannot be confined by AppArmor."""


def build(workload: Workload, host: Host) -> dict[str, Any]:
    """Return config.json's document. Raises InvalidParameterError for what it cannot express."""
    document: dict[str, Any] = {
        "ociVersion": OCI_VERSION,
        "hostname": workload.hostname,
        "root": {"path": str(workload.rootfs), "readonly": workload.read_only_rootfs},
        "process": process(workload.process, workload, host),
        "mounts": _mounts(workload),
        "annotations": dict(workload.annotations),
        "linux": _linux(workload, host),
    }
    if workload.namespaces.uts == "host" or not workload.hostname:
        del document["hostname"]
    return document


def cgroups_path(container_id: str, parent: str, host: Host) -> str:
    """Return ``linux.cgroupsPath`` in the form of the cgroup driver."""
    if host.systemd_cgroups:
        return f"{parent or host.cgroup_parent}:boxship:{container_id}"
    return f"/{(parent or host.cgroup_parent).strip('/')}/{container_id}"


def check_cgroup_parent(parent: str, host: Host) -> None:
    """Raise InvalidParameterError, in Docker's words, where systemd cannot have that parent."""
    if not host.systemd_cgroups or not parent:
        return
    if "/" in parent or not parent.removesuffix(".slice") or not parent.endswith(".slice"):
        raise InvalidParameterError(
            'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"'
        )


def process(wanted: Process, workload: Workload, host: Host) -> dict[str, Any]:
    """Return the ``process`` object of a container."""
    security = workload.security
    identity = lookup(str(workload.rootfs), wanted.user, wanted.additional_groups)
    caps = granted(security, host)
    document: dict[str, Any] = {
        "terminal": wanted.terminal,
        "user": user_object(identity),
        "args": _args(wanted, workload),
        "env": list(wanted.env),
        "cwd": wanted.cwd or "/",
        "capabilities": capability_sets(caps, identity.uid),
        "noNewPrivileges": security.no_new_privileges,
        "oomScoreAdj": workload.oom_score_adj,
        "rlimits": _rlimits(workload),
    }
    if wanted.terminal and wanted.console_size and all(wanted.console_size):
        document["consoleSize"] = console_size_object(wanted.console_size)
    profile = apparmor.choose(
        security.apparmor, host.apparmor_profile, privileged=security.privileged
    )
    if profile:
        document["apparmorProfile"] = profile
    return document


def user_object(identity: Identity) -> dict[str, Any]:
    """Return ``process.user``."""
    return {
        "uid": identity.uid,
        "gid": identity.gid,
        "additionalGids": list(identity.additional_gids),
    }


def console_size_object(size: tuple[int, int]) -> dict[str, int]:
    """Return ``process.consoleSize`` of (rows, columns)."""
    return {"height": size[0], "width": size[1]}


def granted(security: Security, host: Host) -> tuple[str, ...]:
    """Return the capabilities that the processes of a container may have."""
    return capabilities.effective(
        host.capabilities,
        security.cap_add,
        security.cap_drop,
        privileged=security.privileged,
    )


def capability_sets(caps: Sequence[str], uid: int) -> dict[str, list[str]]:
    """Return ``process.capabilities``.

    A user other than root holds none until it executes a file that has some: what execve(2) does.
    """
    if uid == 0:
        return {"bounding": list(caps), "effective": list(caps), "permitted": list(caps)}
    return {"bounding": list(caps)}


def _args(wanted: Process, workload: Workload) -> list[str]:
    if not wanted.args or not wanted.args[0]:
        raise InvalidParameterError("no command specified")
    if workload.init_path:
        return [INIT_PATH, "--", *wanted.args]
    return list(wanted.args)


def _rlimits(workload: Workload) -> list[dict[str, Any]]:
    return [
        {
            "type": f"RLIMIT_{limit.name.upper()}",
            "soft": limit.soft if limit.soft >= 0 else (1 << 64) - 1,
            "hard": limit.hard if limit.hard >= 0 else (1 << 64) - 1,
        }
        for limit in workload.resources.ulimits
    ]


def _mount(kind: str, source: str, destination: str, *options: str) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def _standard_mounts(workload: Workload) -> list[dict[str, Any]]:
    privileged = workload.security.privileged
    sysfs = ("rw",) if privileged else ("ro",)
    groups = ("rw",) if privileged or workload.security.writable_cgroups else ("ro",)
    mounts = [
        _mount("proc", "proc", "/proc", *_SAFE),
        _mount("tmpfs", "tmpfs", "/dev", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount(
            "devpts",
            "devpts",
            "/dev/pts",
            "nosuid",
            "noexec",
            "newinstance",
            "ptmxmode=0666",
            "mode=0620",
            "gid=5",
        ),
        _mount("sysfs", "sysfs", "/sys", *_SAFE, *sysfs),
        _mount("cgroup", "cgroup", "/sys/fs/cgroup", *_SAFE, *groups),
    ]
    if workload.namespaces.ipc == "host":
        mounts.append(_mount("bind", "/dev/mqueue", "/dev/mqueue", "rbind", *_SAFE))
        mounts.append(_mount("bind", "/dev/shm", "/dev/shm", "rbind", *_SAFE))
    else:
        mounts.append(_mount("mqueue", "mqueue", "/dev/mqueue", *_SAFE))
        mounts += _shared_memory(workload)
    return mounts


def _shared_memory(workload: Workload) -> list[dict[str, Any]]:
    if workload.shm_source is not None:
        source = str(workload.shm_source)
        return [_mount("bind", source, "/dev/shm", "rbind", "rprivate", *_SAFE)]
    if not workload.shm_size:
        return []
    size = f"size={workload.shm_size}"
    return [_mount("tmpfs", "shm", "/dev/shm", *_SAFE, "mode=1777", size)]


def _mounts(workload: Workload) -> list[dict[str, Any]]:
    own = [
        _mount(mount.type, mount.source, mount.destination, *mount.options)
        for mount in workload.mounts
    ]
    replaced = {mount.destination.rstrip("/") for mount in workload.mounts}
    standard = [
        mount for mount in _standard_mounts(workload) if mount["destination"] not in replaced
    ]
    if workload.init_path:
        own.append(_mount("bind", workload.init_path, INIT_PATH, "bind", "ro"))
    return standard + own


def _linux(workload: Workload, host: Host) -> dict[str, Any]:
    security = workload.security
    nodes, rules = _devices(workload)
    limited = limits.resources(workload.resources, swap_accounting=host.swap_accounting)
    document: dict[str, Any] = {
        "cgroupsPath": cgroups_path(workload.id, workload.resources.cgroup_parent, host),
        "namespaces": _namespaces(workload),
        "devices": nodes,
        "resources": {"devices": rules, **limited},
        "sysctl": _sysctls(workload),
        "maskedPaths": _paths(security.masked_paths, MASKED_PATHS, security),
        "readonlyPaths": _paths(security.readonly_paths, READONLY_PATHS, security),
    }
    propagation = _propagation(workload.mounts)
    if propagation:
        document["rootfsPropagation"] = propagation
    wanted = (
        seccomp.UNCONFINED if security.privileged and not security.seccomp else (security.seccomp)
    )
    profile = seccomp.resolve(wanted, granted(security, host))
    if profile is not None:
        document["seccomp"] = profile
    return document


def _devices(workload: Workload) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    if workload.security.privileged:
        nodes = list(devices.of_host())
        extra = [node for node, _ in devices.nodes(workload.resources.devices)]
        taken = {node["path"] for node in extra}
        return [node for node in nodes if node["path"] not in taken] + extra, [devices.ALLOW_ALL]
    asked = list(devices.nodes(workload.resources.devices))
    rules = list(devices.DEFAULT_RULES)
    rules += [devices.rule_of(node, permissions) for node, permissions in asked]
    rules += map(devices.parse_rule, workload.resources.device_cgroup_rules)
    return [node for node, _ in asked], rules


def _namespaces(workload: Workload) -> list[dict[str, str]]:
    wanted = workload.namespaces
    result: list[dict[str, str]] = [{"type": "mount"}]
    for kind in ("network", "uts", "pid", "ipc", "cgroup"):
        source: str = getattr(wanted, kind)
        if source == "private":
            result.append({"type": kind})
        elif source != "host":
            result.append({"type": kind, "path": source})
    return result


def _sysctls(workload: Workload) -> dict[str, str]:
    sysctls = dict(workload.sysctls)
    if workload.namespaces.network != "host":
        # Any user may open ports below 1024 and send pings: the namespace is the container's own.
        sysctls.setdefault("net.ipv4.ip_unprivileged_port_start", "0")
        sysctls.setdefault("net.ipv4.ping_group_range", "0 2147483647")
    if workload.domainname and workload.namespaces.uts == "private":
        sysctls.setdefault("kernel.domainname", workload.domainname)
    return sysctls


def _paths(
    wanted: tuple[str, ...] | None, default: tuple[str, ...], security: Security
) -> list[str]:
    if wanted is not None:
        return list(wanted)
    return [] if security.privileged else list(default)


def _propagation(mounts: Sequence[Mount]) -> str:
    options = {option for mount in mounts for option in mount.options}
    if options & {"shared", "rshared"}:
        return "shared"
    if options & {"slave", "rslave"}:
        return "rslave"
    return ""
