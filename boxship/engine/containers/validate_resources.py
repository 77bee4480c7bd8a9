"""Resource limits that make no sense, refused in Docker's words.

The rules are those of moby's ``verifyPlatformContainerResources`` and ``verifyContainerResources``.
"""

import os
import re
from collections.abc import Iterator
from typing import Final

from boxship.engine.runtime.workload import Device, DeviceLimit, Resources, Ulimit
from boxship.errors import InvalidParameterError, NotSupportedError

MINIMUM_MEMORY: Final = 6 * 1024 * 1024
_NANO: Final = 1_000_000_000
_CPU_LIST: Final = re.compile(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*")
_PERMISSIONS: Final = re.compile(r"[rwm]{1,3}")
_CGROUP_RULE: Final = re.compile(r"[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}")
_ULIMIT_NAMES: Final = frozenset(
    [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ]
)


def check_resources(limits: Resources, cpus: int | None = None) -> list[str]:
    """Check limits; returns warnings. ``cpus``: how many the host has (None: ask it).

    Raises InvalidParameterError; NotSupportedError for devices by driver or capability.
    """
    for request in limits.device_requests:
        wanted = ", ".join(f"[{' '.join(names)}]" for names in request.capabilities)
        raise NotSupportedError(
            f'could not select device driver "{request.driver}" with capabilities: [{wanted}]; '
            "name the device nodes with --device instead"
        )
    _check_memory(limits)
    _check_cpu(limits, cpus if cpus is not None else os.cpu_count() or 1)
    _check_block_io(limits)
    for device in limits.devices:
        _check_device(device)
    for rule in limits.device_cgroup_rules:
        if not _CGROUP_RULE.fullmatch(rule):
            raise InvalidParameterError(f"invalid device cgroup rule format: '{rule}'")
    for ulimit in limits.ulimits:
        _check_ulimit(ulimit)
    return list(_warnings(limits))


def _check_memory(limits: Resources) -> None:
    if limits.memory != 0 and limits.memory < MINIMUM_MEMORY:
        raise InvalidParameterError("Minimum memory limit allowed is 6MB")
    if limits.memory_reservation != 0 and limits.memory_reservation < MINIMUM_MEMORY:
        raise InvalidParameterError("Minimum memory reservation allowed is 6MB")
    if 0 < limits.memory < limits.memory_reservation:
        raise InvalidParameterError(
            "Minimum memory limit can not be less than memory reservation limit, see usage"
        )
    if limits.memory_swap < -1:
        raise InvalidParameterError(
            f"Invalid memory swap limit {limits.memory_swap}: give bytes, or -1 for unlimited"
        )
    if limits.memory_swap > 0 and limits.memory == 0:
        raise InvalidParameterError(
            "You should always set the Memory limit when using Memoryswap limit, see usage"
        )
    if 0 < limits.memory_swap < limits.memory:
        raise InvalidParameterError(
            "Minimum memoryswap limit should be larger than memory limit, see usage"
        )
    swappiness = limits.memory_swappiness
    if swappiness is not None and not 0 <= swappiness <= 100:
        raise InvalidParameterError(
            f"Invalid value: {swappiness}, valid memory swappiness range is 0-100"
        )


def _check_cpu(limits: Resources, cpus: int) -> None:
    if limits.cpu_shares < 0:
        raise InvalidParameterError(
            f"invalid CPU shares ({limits.cpu_shares}): value must be a positive integer"
        )
    if limits.nano_cpus and limits.cpu_period:
        raise InvalidParameterError(
            "Conflicting options: Nano CPUs and CPU Period cannot both be set"
        )
    if limits.nano_cpus and limits.cpu_quota:
        raise InvalidParameterError(
            "Conflicting options: Nano CPUs and CPU Quota cannot both be set"
        )
    if limits.nano_cpus < 0 or limits.nano_cpus > cpus * _NANO:
        raise InvalidParameterError(
            f"range of CPUs is from 0.01 to {cpus}.00, as there are only {cpus} CPUs available"
        )
    if limits.cpu_period != 0 and not 1000 <= limits.cpu_period <= 1_000_000:
        raise InvalidParameterError(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        )
    if 0 < limits.cpu_quota < 1000:
        raise InvalidParameterError("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    _check_realtime(limits)
    for text, what in ((limits.cpuset_cpus, "cpus"), (limits.cpuset_mems, "mems")):
        if text and not _CPU_LIST.fullmatch(text.replace(" ", "")):
            raise InvalidParameterError(f"Invalid value {text} for cpuset {what}")


def _check_realtime(limits: Resources) -> None:
    period, runtime = limits.cpu_realtime_period, limits.cpu_realtime_runtime
    if period < 0 or runtime < 0:
        raise InvalidParameterError("cpu real-time period and runtime must not be negative")
    if period and runtime > period:
        raise InvalidParameterError(
            "cpu real-time runtime cannot be higher than cpu real-time period"
        )


def _check_block_io(limits: Resources) -> None:
    if limits.blkio_weight and not 10 <= limits.blkio_weight <= 1000:
        raise InvalidParameterError("Range of blkio weight is from 10 to 1000")
    for weight in limits.blkio_weight_device:
        if not 10 <= weight.value <= 1000:
            raise InvalidParameterError("Range of blkio weight is from 10 to 1000")
    rates: tuple[DeviceLimit, ...] = (
        *limits.blkio_read_bps,
        *limits.blkio_write_bps,
        *limits.blkio_read_iops,
        *limits.blkio_write_iops,
    )
    for rate in rates:
        if rate.value < 0 or not rate.path:
            raise InvalidParameterError(
                f"invalid rate {rate.value} for device '{rate.path}': "
                "name a block device and a positive number per second"
            )


def _check_device(device: Device) -> None:
    if not device.container_path.startswith("/"):
        raise InvalidParameterError(
            f"invalid device path '{device.container_path}': it must be absolute"
        )
    if not _PERMISSIONS.fullmatch(device.permissions):
        raise InvalidParameterError(f"bad mode specified: {device.permissions}")


def _check_ulimit(ulimit: Ulimit) -> None:
    if ulimit.name not in _ULIMIT_NAMES:
        raise InvalidParameterError(f"invalid ulimit type: {ulimit.name}")
    if ulimit.soft < -1 or ulimit.hard < -1:
        raise InvalidParameterError(
            f"invalid ulimit {ulimit.name}: -1 means unlimited, smaller numbers mean nothing"
        )
    if ulimit.hard != -1 and (ulimit.soft == -1 or ulimit.soft > ulimit.hard):
        raise InvalidParameterError(
            f"ulimit soft limit must be less than or equal to hard limit: "
            f"{ulimit.soft} > {ulimit.hard}"
        )


def _warnings(limits: Resources) -> Iterator[str]:
    if limits.oom_kill_disable and not limits.memory:
        yield (
            "OOM killer is disabled for the container, but no memory limit is set, "
            "this can result in the system running out of resources."
        )
