"""From the engine's samples to the columns of ``stats``."""

from boxship import units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Sample = Mapping[str, Any]
    Row = dict[str, Any]

HEADERS = {
    "BlockIO": "BLOCK I/O",
    "CPUPerc": "CPU %",
    "Container": "CONTAINER",
    "ID": "CONTAINER ID",
    "MemPerc": "MEM %",
    "MemUsage": "MEM USAGE / LIMIT",
    "Name": "NAME",
    "NetIO": "NET I/O",
    "PIDs": "PIDS",
}
COLUMNS = ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")
_UNKNOWN = "--"


def empty_row(ref: str, error: str = "") -> "Row":
    """A row before the first sample came, or for a container that has none."""
    return {
        **dict.fromkeys(HEADERS, _UNKNOWN),
        "Container": ref,
        "ID": ref,
        "MemUsage": f"{_UNKNOWN} / {_UNKNOWN}",
        "Error": error,
    }


def row_of(ref: str, sample: "Sample") -> "Row":
    """The row for one sample."""
    memory = sample.get("memory_stats") or {}
    used, limit = _memory_used(memory), memory.get("limit") or 0
    percent = used / limit * 100 if limit else 0.0
    received, sent = _network(sample)
    read, written = _block_io(sample)
    return {
        "Container": ref,
        "ID": sample.get("id") or ref,
        "Name": str(sample.get("name") or "").removeprefix("/"),
        "CPUPerc": f"{cpu_percent(sample):.2f}%",
        "MemUsage": f"{units.human_size_binary(used)} / {units.human_size_binary(limit)}",
        "MemPerc": f"{percent:.2f}%",
        "NetIO": f"{_size(received)} / {_size(sent)}",
        "BlockIO": f"{_size(read)} / {_size(written)}",
        "PIDs": str((sample.get("pids_stats") or {}).get("current") or 0),
        "Error": "",
    }


def _size(size: float) -> str:
    return units.human_size(size, 3)


def cpu_percent(sample: "Sample") -> float:
    """Share of one CPU since the sample before, in percent; 100 for each CPU in full use."""
    now, before = sample.get("cpu_stats") or {}, sample.get("precpu_stats") or {}
    usage = now.get("cpu_usage") or {}
    used = (usage.get("total_usage") or 0) - (
        (before.get("cpu_usage") or {}).get("total_usage") or 0
    )
    system = (now.get("system_cpu_usage") or 0) - (before.get("system_cpu_usage") or 0)
    cpus = now.get("online_cpus") or len(usage.get("percpu_usage") or []) or 1
    return used / system * cpus * 100 if used > 0 and system > 0 else 0.0


def _memory_used(memory: "Mapping[str, Any]") -> int:
    """Use without the page cache that can be dropped (cgroup v1, then v2)."""
    usage: int = memory.get("usage") or 0
    stats = memory.get("stats") or {}
    for key in ("total_inactive_file", "inactive_file"):
        cached: int = stats.get(key) or 0
        if 0 < cached < usage:
            return usage - cached
    return usage


def _network(sample: "Sample") -> tuple[int, int]:
    interfaces = (sample.get("networks") or {}).values()
    received = sum(item.get("rx_bytes") or 0 for item in interfaces)
    return received, sum(item.get("tx_bytes") or 0 for item in interfaces)


def _block_io(sample: "Sample") -> tuple[int, int]:
    entries = (sample.get("blkio_stats") or {}).get("io_service_bytes_recursive") or []
    totals = {"read": 0, "write": 0}
    for entry in entries:
        kind = str(entry.get("op", "")).lower()
        if kind in totals:
            totals[kind] += entry.get("value") or 0
    return totals["read"], totals["write"]
