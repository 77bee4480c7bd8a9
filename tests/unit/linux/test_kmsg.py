"""Finding out-of-memory kills in the kernel's log."""

import os
import time
from pathlib import Path

import pytest

from boxship.linux.kmsg import was_killed_for_memory

KILL = "Memory cgroup out of memory: Killed process {} (tail) total-vm:24576kB, anon-rss:24000kB"


def record(text: str, *, age_s: float = 0) -> bytes:
    when_us = time.monotonic_ns() // 1000 - int(age_s * 1_000_000)
    return f"3,17,{when_us},-;{text}\n".encode()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "kmsg"


def asked(log: Path, pid: int, data: bytes) -> bool:
    """Ask about a process while the log, which gives one record a read, has ``data``."""
    log.write_bytes(data)
    return was_killed_for_memory(pid, log)


def test_names_the_process(log: Path) -> None:
    assert asked(log, 42, record(KILL.format(42)))
    assert not asked(log, 4, record(KILL.format(42)))
    assert not asked(log, 42, record("eth0: link is up"))


def test_an_old_kill_was_of_another_process(log: Path) -> None:
    assert not asked(log, 42, record(KILL.format(42), age_s=61))


def test_no_log_no_kill(log: Path) -> None:
    assert not was_killed_for_memory(42, log)
    assert not asked(log, 42, b"")


def test_each_record_is_looked_at() -> None:
    # In packet mode one write is one read, as in the kernel's log (pipe(2), O_DIRECT).
    reader, writer = os.pipe2(os.O_DIRECT)
    try:
        os.write(writer, record("eth0: link is up"))
        os.write(writer, record(KILL.format(42)))
        assert was_killed_for_memory(42, Path(f"/proc/self/fd/{reader}"))
    finally:
        os.close(reader)
        os.close(writer)
