"""What the kernel logged (/dev/kmsg, Documentation/ABI/testing/dev-kmsg)."""

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

_KMSG = Path("/dev/kmsg")
_LONGEST_RECORD = 8192
_RECENT_US = 60_000_000


def was_killed_for_memory(pid: int, log: Path = _KMSG) -> bool:
    """Tell whether the kernel ended a process within the last minute for lack of memory. Blocking.

    ``pid`` is as the initial pid namespace numbers it. False where the log cannot be read.
    """
    sentence = f"ut of memory: Killed process {pid} (".encode()
    oldest_us = time.monotonic_ns() // 1000 - _RECENT_US
    return any(sentence in text and when_us >= oldest_us for when_us, text in _records(log))


def _records(log: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (microseconds since boot, text) of each record that the kernel still has."""
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        while record := _next(descriptor):
            head, _, text = record.partition(b";")
            yield int(head.split(b",")[2]), text
    finally:
        os.close(descriptor)


def _next(descriptor: int) -> bytes:
    """Return the next record, nothing after the last one."""
    while True:
        try:
            return os.read(descriptor, _LONGEST_RECORD)
        except OSError as error:
            if error.errno != errno.EPIPE:  # overwritten before it was read: go on after it
                return b""
