"""Downloads of blobs, shared by all pulls that want the same one."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from boxship.engine.images.workers import Workers
from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.registry.client import Repository
from boxship.engine.registry.fetch import FetchReport, fetch_blob
from boxship.engine.storage.content import ContentStore
from boxship.engine.storage.growth import Growth
from boxship.oci.descriptor import Descriptor

PROGRESS_INTERVAL_S = 0.1
"""A progress bar is moved no more often than this."""


class Phase(Enum):
    """How far a download is, in Docker's words."""

    WAITING = "Waiting"
    DOWNLOADING = "Downloading"
    RETRYING = "Retrying in"
    VERIFYING = "Verifying Checksum"
    COMPLETE = "Download complete"


@dataclass(frozen=True, slots=True)
class TransferState:
    """What a watcher is told."""

    phase: Phase
    current: int = 0
    retry_in_s: float = 0.0


Watcher = Callable[[TransferState], None]


class _Transfer:
    """One running download and who watches it."""

    def __init__(self) -> None:
        self.cancellation = Cancellation()
        self.growth = Growth()
        self.begun = asyncio.Event()
        self.abandoned = False
        self.watchers: list[Watcher] = []
        self.state: TransferState | None = None
        self.task: asyncio.Task[None] | None = None

    def publish(self, state: TransferState) -> None:
        self.state = state
        for watcher in list(self.watchers):
            watcher(state)

    def abandon(self) -> None:
        self.abandoned = True
        self.cancellation.cancel()


class Transfers:
    """Downloads blobs into the content store, a bounded number at a time."""

    def __init__(
        self, content: ContentStore, workers: Workers, *, concurrent: int, attempts: int
    ) -> None:
        self._content = content
        self._workers = workers
        self._attempts = max(1, attempts)
        self._slots = asyncio.Semaphore(max(1, concurrent))
        self._running: dict[str, _Transfer] = {}

    def reconfigure(self, *, concurrent: int, attempts: int) -> None:
        """Change the bounds of downloads that have not begun."""
        self._attempts = max(1, attempts)
        self._slots = asyncio.Semaphore(max(1, concurrent))

    async def fetch(self, source: Repository, blob: Descriptor, watcher: Watcher) -> None:
        """Return when the blob is in the content store.

        The download ends when the last caller that wants it is cancelled. Raises what
        ``fetch_blob`` raises.
        """
        transfer = await self._join(source, blob)
        transfer.watchers.append(watcher)
        task = transfer.task
        if transfer.state is not None:
            watcher(transfer.state)
        try:
            if task is not None:
                await asyncio.shield(task)
        finally:
            transfer.watchers.remove(watcher)
            if not transfer.watchers and task is not None and not task.done():
                transfer.abandon()

    async def growing(self, digest: str) -> Growth | None:
        """Return what a download brings, to be followed, once it has begun; None without one."""
        transfer = self._running.get(digest)
        if transfer is None or transfer.abandoned:
            return None
        await transfer.begun.wait()
        return transfer.growth if transfer.growth.is_begun else None

    async def _join(self, source: Repository, blob: Descriptor) -> _Transfer:
        while (running := self._running.get(blob.digest)) and running.abandoned:
            if running.task is not None:
                await asyncio.wait({running.task})
        if running is not None:
            return running
        transfer = self._running[blob.digest] = _Transfer()
        transfer.task = asyncio.create_task(self._run(transfer, source, blob))
        transfer.task.add_done_callback(_retrieve)
        return transfer

    async def _run(self, transfer: _Transfer, source: Repository, blob: Descriptor) -> None:
        loop = asyncio.get_running_loop()
        shown = _Throttle(
            blob.size, lambda state: loop.call_soon_threadsafe(transfer.publish, state)
        )
        transfer.growth.on_begin = lambda: loop.call_soon_threadsafe(transfer.begun.set)
        try:
            if self._slots.locked():
                transfer.publish(TransferState(Phase.WAITING))
            async with self._slots:
                transfer.cancellation.check()
                await self._workers.run(
                    lambda: fetch_blob(
                        source,
                        blob,
                        self._content,
                        attempts=self._attempts,
                        report=shown,
                        cancellation=transfer.cancellation,
                        growth=transfer.growth,
                    )
                )
            transfer.publish(TransferState(Phase.COMPLETE, blob.size))
        finally:
            self._running.pop(blob.digest, None)
            transfer.growth.close()
            transfer.begun.set()


class _Throttle:
    """Passes on a download's reports, from its thread, a few times a second."""

    def __init__(self, size: int, publish: Callable[[TransferState], object]) -> None:
        self._size = size
        self._publish = publish
        self._next = 0.0

    def __call__(self, report: FetchReport) -> None:
        now = time.monotonic()
        if report.retry_in_s:
            self._publish(TransferState(Phase.RETRYING, 0, report.retry_in_s))
        elif report.current >= self._size:
            self._publish(TransferState(Phase.DOWNLOADING, report.current))
            self._publish(TransferState(Phase.VERIFYING))
        elif now >= self._next:
            self._next = now + PROGRESS_INTERVAL_S
            self._publish(TransferState(Phase.DOWNLOADING, report.current))


def _retrieve(task: asyncio.Task[None]) -> None:
    """Mark the failure of an abandoned download as seen."""
    if not task.cancelled():
        task.exception()
