"""A workload's resource limits as an OCI runtime configuration has them."""

import os
import stat
from collections.abc import Sequence
from typing import Any

from boxship.engine.runtime.workload import DeviceLimit, Resources
from boxship.errors import InvalidParameterError

CPU_PERIOD_US = 100_000
"""Period that --cpus is spread over."""
_NANO = 1_000_000_000
_MAX_PIDS = 4 * 1024 * 1024
"""The kernel's PID_MAX_LIMIT, the most that pids.max takes: crun cannot write ``max`` there."""


def resources(limits: Resources, *, swap_accounting: bool = True) -> dict[str, Any]:
    """Return ``linux.resources`` without its devices; what is not set is left out.

    ``swap_accounting``: whether this machine can limit swap at all.
    """
    parts = {
        "memory": _memory(limits, swap_accounting),
        "cpu": _cpu(limits),
        "pids": {"limit": limits.pids_limit} if (limits.pids_limit or 0) > 0 else {},
        "blockIO": _block_io(limits),
    }
    return {name: part for name, part in parts.items() if part}


def update_document(limits: Resources, *, swap_accounting: bool = True) -> dict[str, Any]:
    """Return the document that ``update --resources`` of an OCI runtime reads.

    Unlike at creation, a pids limit of -1 (or 0) is a change: no limit any more.
    """
    document = resources(limits, swap_accounting=swap_accounting)
    if limits.pids_limit is not None and limits.pids_limit <= 0:
        document["pids"] = {"limit": _MAX_PIDS}
    return document


def _memory(limits: Resources, swap_accounting: bool) -> dict[str, Any]:
    memory: dict[str, Any] = {}
    if limits.memory:
        memory["limit"] = limits.memory
    if limits.memory_reservation:
        memory["reservation"] = limits.memory_reservation
    swap = limits.memory_swap or (2 * limits.memory if limits.memory > 0 else 0)
    if swap and swap_accounting:
        memory["swap"] = swap
    if limits.memory_swappiness is not None and limits.memory_swappiness >= 0:
        memory["swappiness"] = limits.memory_swappiness
    if limits.oom_kill_disable:
        memory["disableOOMKiller"] = True
    return memory


def _cpu(limits: Resources) -> dict[str, Any]:
    quota, period = limits.cpu_quota, limits.cpu_period
    if limits.nano_cpus:
        period = CPU_PERIOD_US
        quota = limits.nano_cpus * CPU_PERIOD_US // _NANO
    cpu = {
        "shares": limits.cpu_shares,
        "quota": quota,
        "period": period,
        "realtimeRuntime": limits.cpu_realtime_runtime,
        "realtimePeriod": limits.cpu_realtime_period,
        "cpus": limits.cpuset_cpus,
        "mems": limits.cpuset_mems,
    }
    return {name: value for name, value in cpu.items() if value}


def _block_io(limits: Resources) -> dict[str, Any]:
    block_io = {
        "weight": limits.blkio_weight,
        "weightDevice": _weights(limits.blkio_weight_device),
        "throttleReadBpsDevice": _rates(limits.blkio_read_bps),
        "throttleWriteBpsDevice": _rates(limits.blkio_write_bps),
        "throttleReadIOPSDevice": _rates(limits.blkio_read_iops),
        "throttleWriteIOPSDevice": _rates(limits.blkio_write_iops),
    }
    return {name: value for name, value in block_io.items() if value}


def _weights(devices: Sequence[DeviceLimit]) -> list[dict[str, int]]:
    return [{**_numbers(device.path), "weight": device.value} for device in devices]


def _rates(devices: Sequence[DeviceLimit]) -> list[dict[str, int]]:
    return [{**_numbers(device.path), "rate": device.value} for device in devices]


def _numbers(path: str) -> dict[str, int]:
    if "\0" in path:
        raise InvalidParameterError(f"cannot limit block device {path!r}: no file is named so")
    try:
        status = os.stat(path)
    except OSError as error:
        raise InvalidParameterError(
            f"cannot limit block device {path}: {error.strerror}"
        ) from error
    if not stat.S_ISBLK(status.st_mode):
        raise InvalidParameterError(f"cannot limit {path}: it is not a block device")
    return {"major": os.major(status.st_rdev), "minor": os.minor(status.st_rdev)}
