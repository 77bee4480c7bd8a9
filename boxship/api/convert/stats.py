"""Counters of a container as Docker's stats JSON."""

from collections.abc import Iterable

from msgspec import UNSET

from boxship.api.convert.times import timestamp
from boxship.api.schema import stats as schema
from boxship.engine.containers.inspection import StatsSample
from boxship.engine.runtime.task import BlockIO, TaskStats


def stats_json(sample: StatsSample, previous: StatsSample | None) -> schema.Stats:
    """Write a sample; ``previous``, a second older, gives precpu_stats and preread."""
    task = sample.task
    return schema.Stats(
        id=sample.container.id,
        name=f"/{sample.container.name}",
        read=_read_at(sample),
        preread=_read_at(previous),
        pids_stats=_pids(task),
        blkio_stats=_block_io(task),
        cpu_stats=_cpu(sample),
        precpu_stats=_cpu(previous),
        memory_stats=_memory(task),
        networks=_networks(sample) if task else UNSET,
    )


def _read_at(sample: StatsSample | None) -> str:
    return timestamp(sample.task.read_at_ns if sample and sample.task else 0)


def _pids(task: TaskStats | None) -> schema.PidsStats:
    if task is None:
        return schema.PidsStats()
    return schema.PidsStats(current=task.pids_current, limit=task.pids_limit or UNSET)


def _cpu(sample: StatsSample | None) -> schema.CpuStats:
    if sample is None or sample.task is None:
        return schema.CpuStats()
    task = sample.task
    return schema.CpuStats(
        cpu_usage=schema.CpuUsage(
            total_usage=task.cpu_total_ns,
            percpu_usage=list(task.per_cpu_ns) or UNSET,
            usage_in_kernelmode=task.cpu_system_ns,
            usage_in_usermode=task.cpu_user_ns,
        ),
        system_cpu_usage=sample.system_cpu_ns,
        online_cpus=sample.online_cpus,
        throttling_data=schema.ThrottlingData(
            periods=task.periods,
            throttled_periods=task.throttled_periods,
            throttled_time=task.throttled_ns,
        ),
    )


def _memory(task: TaskStats | None) -> schema.MemoryStats:
    if task is None:
        return schema.MemoryStats()
    return schema.MemoryStats(
        usage=task.memory_usage,
        max_usage=task.memory_max_usage or UNSET,
        stats=dict(task.memory_stats),
        limit=task.memory_limit,
    )


def _block_io(task: TaskStats | None) -> schema.BlkioStats:
    if task is None:
        return schema.BlkioStats()
    return schema.BlkioStats(
        io_service_bytes_recursive=_entries(task.block_bytes),
        io_serviced_recursive=_entries(task.block_ops),
    )


def _entries(items: Iterable[BlockIO]) -> list[schema.BlkioEntry] | None:
    entries = [
        schema.BlkioEntry(major=item.major, minor=item.minor, op=item.op, value=item.value)
        for item in items
    ]
    return entries or None


def _networks(sample: StatsSample) -> dict[str, schema.InterfaceStats]:
    return {
        counters.name: schema.InterfaceStats(
            rx_bytes=counters.rx_bytes,
            rx_packets=counters.rx_packets,
            rx_errors=counters.rx_errors,
            rx_dropped=counters.rx_dropped,
            tx_bytes=counters.tx_bytes,
            tx_packets=counters.tx_packets,
            tx_errors=counters.tx_errors,
            tx_dropped=counters.tx_dropped,
        )
        for counters in sample.interfaces
    }
