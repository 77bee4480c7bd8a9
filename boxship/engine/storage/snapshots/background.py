"""One thread for work that nobody waits for: deleting trees, flushing the disk."""

import logging
import queue
import threading
from collections.abc import Callable

from boxship.linux.priority import wait_behind_others

_log = logging.getLogger(__name__)


class Background:
    """Runs submitted functions one after another; a failing one is logged and forgotten.

    What is lost when the process dies must be found again from the disk by whoever submits.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._timers: dict[Callable[[], None], threading.Timer] = {}

    def submit(self, work: Callable[[], None]) -> None:
        """Run ``work`` soon. The thread is started with the first one."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        self._queue.put(work)

    def submit_later(self, work: Callable[[], None], seconds: float) -> None:
        """Run ``work`` once in that time, or when ``wait`` or ``close`` is called before."""
        with self._lock:
            if work in self._timers:
                return
            timer = threading.Timer(seconds, self._expired, (work,))
            timer.daemon = True
            self._timers[work] = timer
            timer.start()

    def wait(self) -> None:
        """Return when everything submitted so far is done."""
        self._submit_delayed()
        done = threading.Event()
        self.submit(done.set)
        done.wait()

    def close(self) -> None:
        """Finish what was submitted and end the thread."""
        self._submit_delayed()
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()

    def _submit_delayed(self) -> None:
        with self._lock:
            delayed = dict(self._timers)
        for work, timer in delayed.items():
            timer.cancel()
            self._expired(work)

    def _expired(self, work: Callable[[], None]) -> None:
        with self._lock:
            is_due = self._timers.pop(work, None) is not None
        if is_due:
            self.submit(work)

    def _run(self) -> None:
        wait_behind_others()
        while (work := self._queue.get()) is not None:
            try:
                work()
            except Exception:
                _log.exception("background work of %s failed", self._name)
