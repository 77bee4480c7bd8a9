"""The resource limits of HostConfig and of an update against the domain's Resources."""

from collections.abc import Iterable

from boxship.api.schema import host_config as schema
from boxship.engine.containers.container import RestartPolicy
from boxship.engine.runtime.workload import Device, DeviceLimit, DeviceRequest, Resources, Ulimit


def resources(body: schema.Resources) -> Resources:
    """Read the limits; whether they make sense is for ``engine.containers.validate``."""
    return Resources(
        cpu_shares=body.cpu_shares,
        cpu_period=body.cpu_period,
        cpu_quota=body.cpu_quota,
        nano_cpus=body.nano_cpus,
        cpu_realtime_period=body.cpu_realtime_period,
        cpu_realtime_runtime=body.cpu_realtime_runtime,
        cpuset_cpus=body.cpuset_cpus,
        cpuset_mems=body.cpuset_mems,
        memory=body.memory,
        memory_reservation=body.memory_reservation,
        memory_swap=body.memory_swap,
        memory_swappiness=None if body.memory_swappiness == -1 else body.memory_swappiness,
        oom_kill_disable=body.oom_kill_disable,
        pids_limit=body.pids_limit,
        blkio_weight=body.blkio_weight,
        blkio_weight_device=_weights(body.blkio_weight_device),
        blkio_read_bps=_rates(body.blkio_device_read_bps),
        blkio_write_bps=_rates(body.blkio_device_write_bps),
        blkio_read_iops=_rates(body.blkio_device_read_iops),
        blkio_write_iops=_rates(body.blkio_device_write_iops),
        devices=tuple(_device(item) for item in body.devices or ()),
        device_cgroup_rules=tuple(body.device_cgroup_rules or ()),
        device_requests=tuple(_device_request(item) for item in body.device_requests or ()),
        ulimits=tuple(
            Ulimit(name=item.name, soft=item.soft, hard=item.hard) for item in body.ulimits or ()
        ),
        cgroup_parent=body.cgroup_parent,
    )


def restart_policy(body: schema.RestartPolicy | None) -> RestartPolicy:
    """Read a restart policy; an empty name means ``no``."""
    if body is None:
        return RestartPolicy()
    return RestartPolicy(name=body.name or "no", maximum_retry_count=body.maximum_retry_count)


def _weights(items: list[schema.WeightDevice] | None) -> tuple[DeviceLimit, ...]:
    return tuple(DeviceLimit(path=item.path, value=item.weight) for item in items or ())


def _rates(items: list[schema.ThrottleDevice] | None) -> tuple[DeviceLimit, ...]:
    return tuple(DeviceLimit(path=item.path, value=item.rate) for item in items or ())


def _device(item: schema.DeviceMapping) -> Device:
    return Device(
        host_path=item.path_on_host,
        container_path=item.path_in_container or item.path_on_host,
        permissions=item.cgroup_permissions or "rwm",
    )


def _device_request(item: schema.DeviceRequest) -> DeviceRequest:
    return DeviceRequest(
        driver=item.driver,
        count=item.count,
        device_ids=tuple(item.device_ids or ()),
        capabilities=tuple(tuple(group) for group in item.capabilities or ()),
        options=item.options or {},
    )


def fill_resources(out: schema.HostConfig, limits: Resources) -> None:
    """Write the limits into a HostConfig."""
    out.cpu_shares = limits.cpu_shares
    out.cpu_period = limits.cpu_period
    out.cpu_quota = limits.cpu_quota
    out.nano_cpus = limits.nano_cpus
    out.cpu_realtime_period = limits.cpu_realtime_period
    out.cpu_realtime_runtime = limits.cpu_realtime_runtime
    out.cpuset_cpus = limits.cpuset_cpus
    out.cpuset_mems = limits.cpuset_mems
    out.memory = limits.memory
    out.memory_reservation = limits.memory_reservation
    out.memory_swap = limits.memory_swap
    out.memory_swappiness = limits.memory_swappiness
    out.oom_kill_disable = limits.oom_kill_disable
    out.pids_limit = limits.pids_limit
    out.blkio_weight = limits.blkio_weight
    out.blkio_weight_device = [
        schema.WeightDevice(path=item.path, weight=item.value)
        for item in limits.blkio_weight_device
    ]
    out.blkio_device_read_bps = _rates_json(limits.blkio_read_bps)
    out.blkio_device_write_bps = _rates_json(limits.blkio_write_bps)
    out.blkio_device_read_iops = _rates_json(limits.blkio_read_iops)
    out.blkio_device_write_iops = _rates_json(limits.blkio_write_iops)
    out.devices = [_device_json(item) for item in limits.devices]
    out.device_cgroup_rules = list(limits.device_cgroup_rules) or None
    out.device_requests = [_device_request_json(item) for item in limits.device_requests] or None
    out.ulimits = [
        schema.Ulimit(name=item.name, hard=item.hard, soft=item.soft) for item in limits.ulimits
    ]
    out.cgroup_parent = limits.cgroup_parent


def _rates_json(items: Iterable[DeviceLimit]) -> list[schema.ThrottleDevice] | None:
    return [schema.ThrottleDevice(path=item.path, rate=item.value) for item in items] or None


def _device_json(item: Device) -> schema.DeviceMapping:
    return schema.DeviceMapping(
        path_on_host=item.host_path,
        path_in_container=item.container_path,
        cgroup_permissions=item.permissions,
    )


def _device_request_json(item: DeviceRequest) -> schema.DeviceRequest:
    return schema.DeviceRequest(
        driver=item.driver,
        count=item.count,
        device_ids=list(item.device_ids) or None,
        capabilities=[list(group) for group in item.capabilities],
        options=dict(item.options),
    )
