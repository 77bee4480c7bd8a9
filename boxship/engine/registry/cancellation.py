"""Telling a worker thread, which may be stuck in the network, that nobody waits any more."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from boxship.engine.registry.errors import TransferCancelledError


class Cancellation:
    """Set once, from any thread; wakes up the reads that are registered with it."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._wakers: set[Callable[[], None]] = set()

    def cancel(self) -> None:
        """End everything that checks or waits on this."""
        with self._lock:
            self._event.set()
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    def check(self) -> None:
        """Raise TransferCancelledError after ``cancel``."""
        if self._event.is_set():
            raise TransferCancelledError("the transfer was cancelled")

    def sleep(self, seconds: float) -> None:
        """Sleep, or raise TransferCancelledError as soon as ``cancel`` is called."""
        self._event.wait(seconds)
        self.check()

    @contextmanager
    def interrupting(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call ``wake`` when cancelled inside the block."""
        with self._lock:
            self._wakers.add(wake)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._wakers.discard(wake)
