"""The JSON shapes of ``GET /containers/{id}/stats``; their keys are in snake case."""

from msgspec import UNSET, Struct, UnsetType, field


class CpuUsage(Struct, kw_only=True):
    """Nanoseconds of CPU time."""

    total_usage: int = 0
    percpu_usage: list[int] | UnsetType = UNSET
    usage_in_kernelmode: int = 0
    usage_in_usermode: int = 0


class ThrottlingData(Struct, kw_only=True):
    """How often and how long (ns) the quota held the container back."""

    periods: int = 0
    throttled_periods: int = 0
    throttled_time: int = 0


class CpuStats(Struct, kw_only=True):
    """CPU counters of the container and of the host at the same moment."""

    cpu_usage: CpuUsage = field(default_factory=CpuUsage)
    system_cpu_usage: int | UnsetType = UNSET
    online_cpus: int | UnsetType = UNSET
    throttling_data: ThrottlingData = field(default_factory=ThrottlingData)


class MemoryStats(Struct, kw_only=True):
    """Bytes."""

    usage: int | UnsetType = UNSET
    max_usage: int | UnsetType = UNSET
    stats: dict[str, int] | UnsetType = UNSET
    failcnt: int | UnsetType = UNSET
    limit: int | UnsetType = UNSET


class PidsStats(Struct, kw_only=True):
    """Number of tasks."""

    current: int | UnsetType = UNSET
    limit: int | UnsetType = UNSET


class BlkioEntry(Struct, kw_only=True):
    """One counter of one device."""

    major: int
    minor: int
    op: str
    value: int


class BlkioStats(Struct, kw_only=True):
    """Block IO counters; null where the kernel has none."""

    io_service_bytes_recursive: list[BlkioEntry] | None = None
    io_serviced_recursive: list[BlkioEntry] | None = None
    io_queue_recursive: list[BlkioEntry] | None = None
    io_service_time_recursive: list[BlkioEntry] | None = None
    io_wait_time_recursive: list[BlkioEntry] | None = None
    io_merged_recursive: list[BlkioEntry] | None = None
    io_time_recursive: list[BlkioEntry] | None = None
    sectors_recursive: list[BlkioEntry] | None = None


class InterfaceStats(Struct, kw_only=True):
    """Counters of one interface."""

    rx_bytes: int = 0
    rx_packets: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0
    tx_errors: int = 0
    tx_dropped: int = 0


class Stats(Struct, kw_only=True):
    """One sample."""

    id: str
    name: str
    os_type: str = "linux"
    read: str
    preread: str
    pids_stats: PidsStats
    blkio_stats: BlkioStats
    num_procs: int = 0
    storage_stats: dict[str, int] = field(default_factory=dict)
    cpu_stats: CpuStats
    precpu_stats: CpuStats
    memory_stats: MemoryStats
    networks: dict[str, InterfaceStats] | UnsetType = UNSET
