"""Connections that nobody uses are closed after a while, not when the registry loses patience.

Sockets that are kept open cost both sides; a firewall forgets them without telling anybody.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

StartTimer = Callable[[float, Callable[[], None]], Callable[[], None]]
"""Calls a function after a number of seconds, in a thread; returns what prevents that."""


class Pool(Protocol):
    """A host's connections."""

    def close_idle(self, before: float) -> float | None:
        """Close those that are idle since ``before``; return when the oldest other one began."""


def start_timer(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
    """See ``StartTimer``."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True  # an idle connection keeps no program alive
    timer.start()
    return timer.cancel


class IdleConnections:
    """Knows which pools have idle connections. Safe from several threads."""

    def __init__(
        self,
        limit_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        timer: StartTimer = start_timer,
    ) -> None:
        self.clock = clock
        self._limit_s = limit_s
        self._timer = timer
        self._pools: set[Pool] = set()
        self._cancel: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def returned(self, pool: Pool) -> None:
        """Note that a connection of this pool has become idle."""
        with self._lock:
            self._pools.add(pool)
            if self._cancel is None:
                self._cancel = self._timer(self._limit_s, self.sweep)

    def sweep(self) -> None:
        """Close what is idle for too long, and come again for the rest."""
        with self._lock:
            self._cancel = None
            now = self.clock()
            found = {pool: pool.close_idle(now - self._limit_s) for pool in self._pools}
            oldest = {pool: since for pool, since in found.items() if since is not None}
            self._pools = set(oldest)
            if oldest:
                wait_s = max(0.0, min(oldest.values()) + self._limit_s - now)
                self._cancel = self._timer(wait_s, self.sweep)

    def close(self) -> None:
        """Close all that are idle now."""
        with self._lock:
            if self._cancel is not None:
                self._cancel()
                self._cancel = None
            for pool in self._pools:
                pool.close_idle(self.clock())
            self._pools = set()
