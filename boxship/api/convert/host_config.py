"""Docker's ``HostConfig`` against the domain's."""

from collections.abc import Iterable
from typing import Final

from msgspec import UNSET

from boxship.api.convert.mounts import mount_json, mount_spec
from boxship.api.convert.ports import bindings_json, port_specs
from boxship.api.convert.resources import fill_resources, resources, restart_policy
from boxship.api.schema import host_config as schema
from boxship.api.schema.shape import string_list
from boxship.engine.config import ContainerDefaults
from boxship.engine.containers.container import HostConfig
from boxship.errors import InvalidParameterError

DEFAULT_LOG_DRIVER: Final = "json-file"
"""Shown for the log that the supervisor writes: docker-py prints no output of other drivers."""
MASKED_PATHS: Final = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
"""What Docker shows (and masks) unless a container says otherwise."""

READONLY_PATHS: Final = (
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
)


def host_config(body: schema.HostConfig) -> HostConfig:
    """Read a HostConfig. Raises InvalidParameterError for what cannot be read (ports, mounts)."""
    return HostConfig(
        resources=resources(body),
        binds=tuple(body.binds or ()),
        mounts=tuple(mount_spec(item) for item in body.mounts or ()),
        volumes_from=tuple(body.volumes_from or ()),
        volume_driver=body.volume_driver,
        tmpfs=body.tmpfs or {},
        container_id_file=body.container_id_file,
        network_mode=network_mode(body.network_mode),
        port_bindings=port_specs(body.port_bindings or {}),
        publish_all_ports=body.publish_all_ports,
        links=tuple(body.links or ()),
        dns=tuple(body.dns or ()),
        dns_options=tuple(body.dns_options or ()),
        dns_search=tuple(body.dns_search or ()),
        extra_hosts=tuple(body.extra_hosts or ()),
        restart_policy=restart_policy(body.restart_policy),
        auto_remove=body.auto_remove,
        privileged=body.privileged,
        cap_add=tuple(string_list(body.cap_add) or ()),
        cap_drop=tuple(string_list(body.cap_drop) or ()),
        security_opt=tuple(body.security_opt or ()),
        group_add=tuple(body.group_add or ()),
        read_only_rootfs=body.readonly_rootfs,
        masked_paths=_optional(body.masked_paths),
        readonly_paths=_optional(body.readonly_paths),
        cgroupns_mode=body.cgroupns_mode,
        ipc_mode=body.ipc_mode,
        pid_mode=body.pid_mode,
        uts_mode=body.uts_mode,
        userns_mode=body.userns_mode,
        oom_score_adj=body.oom_score_adj,
        shm_size=body.shm_size,
        sysctls=body.sysctls or {},
        storage_opt=body.storage_opt or {},
        runtime=body.runtime or "",
        init=None if body.init is UNSET else body.init,
        isolation=body.isolation,
        annotations=body.annotations or {},
        console_size=_console_size(body.console_size),
        log_driver=body.log_config.type,
        log_opts=body.log_config.config,
    )


def network_mode(name: str) -> str:
    """Give the default network its name: empty and ``default`` mean ``bridge``."""
    return "bridge" if name in ("", "default") else name


def _optional(paths: list[str] | None) -> tuple[str, ...] | None:
    return None if paths is None else tuple(paths)


def _console_size(pair: list[int]) -> tuple[int, int]:
    """Read ``[rows, columns]``; as Go's arrays do, missing numbers are 0 and more are dropped."""
    rows, columns = ([*pair, 0, 0])[:2]
    if rows < 0 or columns < 0:
        raise InvalidParameterError(f"invalid ConsoleSize [{rows}, {columns}]: negative size")
    return rows, columns


def host_config_json(host: HostConfig, defaults: ContainerDefaults) -> schema.HostConfig:
    """Write a HostConfig, with the engine's defaults in place of what was left out."""
    out = schema.HostConfig(
        binds=_list(host.binds),
        container_id_file=host.container_id_file,
        log_config=schema.LogConfig(
            type=host.log_driver or DEFAULT_LOG_DRIVER,
            config=dict(host.log_opts),
        ),
        network_mode=network_mode(host.network_mode),
        port_bindings=bindings_json(host.port_bindings),
        restart_policy=schema.RestartPolicy(
            name=host.restart_policy.name or "no",
            maximum_retry_count=host.restart_policy.maximum_retry_count,
        ),
        auto_remove=host.auto_remove,
        volume_driver=host.volume_driver,
        volumes_from=_list(host.volumes_from),
        console_size=list(host.console_size),
        annotations=dict(host.annotations) or UNSET,
        publish_all_ports=host.publish_all_ports,
        dns=list(host.dns),
        dns_options=list(host.dns_options),
        dns_search=list(host.dns_search),
        extra_hosts=_list(host.extra_hosts),
        links=_list(host.links),
        storage_opt=dict(host.storage_opt) or UNSET,
        tmpfs=dict(host.tmpfs) or UNSET,
        mounts=[mount_json(spec) for spec in host.mounts] or UNSET,
    )
    fill_resources(out, host.resources)
    _fill_process(out, host, defaults)
    return out


def _fill_process(out: schema.HostConfig, host: HostConfig, defaults: ContainerDefaults) -> None:
    """Write what concerns the process: its privileges, namespaces and kernel settings."""
    out.privileged = host.privileged
    out.cap_add = _list(host.cap_add)
    out.cap_drop = _list(host.cap_drop)
    out.security_opt = _list(host.security_opt)
    out.group_add = _list(host.group_add)
    out.readonly_rootfs = host.read_only_rootfs
    out.cgroupns_mode = host.cgroupns_mode or defaults.cgroupns_mode or "private"
    out.ipc_mode = host.ipc_mode or defaults.ipc_mode
    out.pid_mode = host.pid_mode
    out.uts_mode = host.uts_mode
    out.userns_mode = host.userns_mode
    out.oom_score_adj = host.oom_score_adj
    out.shm_size = host.shm_size or defaults.shm_size
    out.sysctls = dict(host.sysctls) or UNSET
    out.runtime = host.runtime or UNSET
    out.init = UNSET if host.init is None else host.init
    out.isolation = host.isolation
    masked = () if host.privileged else MASKED_PATHS
    readonly = () if host.privileged else READONLY_PATHS
    out.masked_paths = _paths(host.masked_paths, masked)
    out.readonly_paths = _paths(host.readonly_paths, readonly)


def _list(values: Iterable[str]) -> list[str] | None:
    """Write a list; Docker shows an empty one as null in most fields."""
    return list(values) or None


def _paths(own: tuple[str, ...] | None, default: tuple[str, ...]) -> list[str] | None:
    if own is not None:
        return list(own)
    return list(default) or None
