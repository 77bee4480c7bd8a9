"""Reading what a task uses from its control groups, version 1 and 2."""

import time
from collections.abc import Iterator
from pathlib import Path

from boxship.engine.runtime.task import BlockIO, TaskStats
from boxship.linux.cgroups import Hierarchies, read_number, read_table

_TICK_NS = 10_000_000
"""cpuacct.stat counts in USER_HZ, a hundredth of a second."""
_UNLIMITED = 1 << 62
"""Version 1 has no word for "no limit" but numbers near 2**63."""


def read(hierarchies: Hierarchies, path: str) -> TaskStats:
    """Return the readings of the group ``path``; zero where a controller is missing."""
    if hierarchies.version == 2 and hierarchies.unified is not None:
        return _read_v2(hierarchies.unified / path.lstrip("/"))
    return _read_v1(hierarchies, path)


def _read_v2(group: Path) -> TaskStats:
    cpu = read_table(group / "cpu.stat")
    io = _io_stat(group / "io.stat")
    return TaskStats(
        read_at_ns=time.time_ns(),
        cpu_total_ns=cpu.get("usage_usec", 0) * 1000,
        cpu_user_ns=cpu.get("user_usec", 0) * 1000,
        cpu_system_ns=cpu.get("system_usec", 0) * 1000,
        periods=cpu.get("nr_periods", 0),
        throttled_periods=cpu.get("nr_throttled", 0),
        throttled_ns=cpu.get("throttled_usec", 0) * 1000,
        memory_usage=read_number(group / "memory.current") or 0,
        memory_max_usage=read_number(group / "memory.peak") or 0,
        memory_limit=read_number(group / "memory.max") or 0,
        memory_stats=read_table(group / "memory.stat"),
        oom_kills=read_table(group / "memory.events").get("oom_kill", 0),
        pids_current=read_number(group / "pids.current") or 0,
        pids_limit=read_number(group / "pids.max") or 0,
        block_bytes=tuple(_pick(io, {"rbytes": "read", "wbytes": "write"})),
        block_ops=tuple(_pick(io, {"rios": "read", "wios": "write"})),
    )


def _read_v1(hierarchies: Hierarchies, path: str) -> TaskStats:
    missing = Path("/nonexistent")
    cpuacct, cpu, memory, pids, blkio = (
        hierarchies.directory(path, name) or missing
        for name in ("cpuacct", "cpu", "memory", "pids", "blkio")
    )
    throttling = read_table(cpu / "cpu.stat")
    ticks = read_table(cpuacct / "cpuacct.stat")
    limit = read_number(memory / "memory.limit_in_bytes") or 0
    return TaskStats(
        read_at_ns=time.time_ns(),
        cpu_total_ns=read_number(cpuacct / "cpuacct.usage") or 0,
        cpu_user_ns=ticks.get("user", 0) * _TICK_NS,
        cpu_system_ns=ticks.get("system", 0) * _TICK_NS,
        per_cpu_ns=_numbers(cpuacct / "cpuacct.usage_percpu"),
        periods=throttling.get("nr_periods", 0),
        throttled_periods=throttling.get("nr_throttled", 0),
        throttled_ns=throttling.get("throttled_time", 0),
        memory_usage=read_number(memory / "memory.usage_in_bytes") or 0,
        memory_max_usage=read_number(memory / "memory.max_usage_in_bytes") or 0,
        memory_limit=limit if limit < _UNLIMITED else 0,
        memory_stats=read_table(memory / "memory.stat"),
        oom_kills=read_table(memory / "memory.oom_control").get("oom_kill", 0),
        pids_current=read_number(pids / "pids.current") or 0,
        pids_limit=read_number(pids / "pids.max") or 0,
        block_bytes=_blkio(blkio, "io_service_bytes"),
        block_ops=_blkio(blkio, "io_serviced"),
    )


def _numbers(path: Path) -> tuple[int, ...]:
    try:
        return tuple(map(int, path.read_bytes().split()))
    except (OSError, ValueError):
        return ()


def _io_stat(path: Path) -> list[tuple[int, int, dict[str, int]]]:
    """Decode ``8:0 rbytes=1 wbytes=2 …`` lines (cgroup-v2.rst)."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return []
    rows = []
    for line in lines:
        device, *pairs = line.split()
        major, _, minor = device.partition(":")
        values = (pair.partition("=") for pair in pairs)
        rows.append((int(major), int(minor), {key: int(value) for key, _, value in values}))
    return rows


def _pick(rows: list[tuple[int, int, dict[str, int]]], names: dict[str, str]) -> Iterator[BlockIO]:
    for major, minor, values in rows:
        for key, op in names.items():
            yield BlockIO(major=major, minor=minor, op=op, value=values.get(key, 0))


def _blkio(directory: Path, name: str) -> tuple[BlockIO, ...]:
    """Decode ``8:0 Read 1`` lines of the throttling layer, which counts for every scheduler."""
    for prefix in ("blkio.throttle.", "blkio.bfq."):
        try:
            lines = (directory / f"{prefix}{name}_recursive").read_text().splitlines()
        except OSError:
            continue
        rows = [line.split() for line in lines]
        return tuple(
            BlockIO(major=int(major), minor=int(minor), op=row[1].lower(), value=int(row[2]))
            for row in rows
            if len(row) == 3
            for major, minor in (row[0].split(":"),)
        )
    return ()
