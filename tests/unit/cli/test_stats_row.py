"""Samples become columns."""

from boxship.cli.container.stats_row import cpu_percent, empty_row, row_of

SAMPLE = {
    "id": "a" * 64,
    "name": "/web",
    "cpu_stats": {
        "cpu_usage": {"total_usage": 200},
        "system_cpu_usage": 2000,
        "online_cpus": 2,
    },
    "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 1000},
    "memory_stats": {"usage": 3 << 20, "limit": 4 << 20, "stats": {"inactive_file": 1 << 20}},
    "networks": {"eth0": {"rx_bytes": 1500, "tx_bytes": 10}, "eth1": {"rx_bytes": 500}},
    "blkio_stats": {
        "io_service_bytes_recursive": [{"op": "Read", "value": 5}, {"op": "write", "value": 7}]
    },
    "pids_stats": {"current": 3},
}


def test_a_row() -> None:
    row = row_of("web", SAMPLE)
    assert row["Name"] == "web"
    assert row["CPUPerc"] == "20.00%"
    assert row["MemUsage"] == "2MiB / 4MiB"
    assert row["MemPerc"] == "50.00%"
    assert row["NetIO"] == "2kB / 10B"
    assert row["BlockIO"] == "5B / 7B"
    assert row["PIDs"] == "3"


def test_an_empty_sample_has_no_figures() -> None:
    assert cpu_percent({}) == 0.0
    assert row_of("x", {"networks": None, "cpu_stats": None})["MemUsage"] == "0B / 0B"
    assert empty_row("x")["MemUsage"] == "-- / --"
