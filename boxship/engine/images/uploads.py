"""Uploads of blobs, shared by all pushes that bring the same one to the same repository."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from boxship.engine.images.transfers import PROGRESS_INTERVAL_S
from boxship.engine.images.workers import Workers
from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.registry.client import Repository
from boxship.engine.registry.upload import BlobUpload, Uploaded, UploadReport
from boxship.engine.storage.content import ContentStore
from boxship.oci.descriptor import Descriptor


class UploadPhase(Enum):
    """How far an upload is, in Docker's words."""

    WAITING = "Waiting"
    PUSHING = "Pushing"
    RETRYING = "Retrying in"


@dataclass(frozen=True, slots=True)
class UploadState:
    """What a watcher is told."""

    phase: UploadPhase
    current: int = 0
    retry_in_s: float = 0.0


Watcher = Callable[[UploadState], None]


class _Upload:
    """One running upload and who watches it."""

    def __init__(self) -> None:
        self.cancellation = Cancellation()
        self.watchers: list[Watcher] = []
        self.task: asyncio.Task[Uploaded] | None = None
        self.abandoned = False

    def publish(self, state: UploadState) -> None:
        for watcher in list(self.watchers):
            watcher(state)


class Uploads:
    """Brings blobs from the content store to registries, a bounded number at a time."""

    def __init__(
        self, content: ContentStore, workers: Workers, *, concurrent: int, attempts: int
    ) -> None:
        self._content = content
        self._workers = workers
        self._running: dict[tuple[str, str], _Upload] = {}
        self.reconfigure(concurrent=concurrent, attempts=attempts)

    def reconfigure(self, *, concurrent: int, attempts: int) -> None:
        """Change the bounds of uploads that have not begun."""
        self._attempts = max(1, attempts)
        self._slots = asyncio.Semaphore(max(1, concurrent))

    async def bring(
        self, target: Repository, blob: Descriptor, sources: Sequence[str], watcher: Watcher
    ) -> Uploaded:
        """Return when the repository has the blob.

        sources: paths of repositories of the same registry that may have it. The upload ends when
        the last caller that wants it is cancelled. Raises what ``BlobUpload.run`` raises.
        """
        key = (target.reference.name, blob.digest)
        upload = await self._join(key, target, blob, sources)
        upload.watchers.append(watcher)
        task = upload.task
        assert task is not None
        try:
            return await asyncio.shield(task)
        finally:
            upload.watchers.remove(watcher)
            if not upload.watchers and not task.done():
                upload.abandoned = True
                upload.cancellation.cancel()
                await asyncio.wait({task})

    async def _join(
        self, key: tuple[str, str], target: Repository, blob: Descriptor, sources: Sequence[str]
    ) -> _Upload:
        while (running := self._running.get(key)) and running.abandoned and running.task:
            await asyncio.wait({running.task})
        if running is not None:
            return running
        upload = self._running[key] = _Upload()
        upload.task = asyncio.create_task(self._run(key, upload, target, blob, sources))
        upload.task.add_done_callback(_retrieve)
        return upload

    async def _run(
        self,
        key: tuple[str, str],
        upload: _Upload,
        target: Repository,
        blob: Descriptor,
        sources: Sequence[str],
    ) -> Uploaded:
        loop = asyncio.get_running_loop()
        work = BlobUpload(
            target=target,
            blob=blob,
            path=self._content.path(blob.digest),
            sources=sources,
            attempts=self._attempts,
            report=_Throttle(lambda state: loop.call_soon_threadsafe(upload.publish, state)),
            cancellation=upload.cancellation,
        )
        try:
            if self._slots.locked():
                upload.publish(UploadState(UploadPhase.WAITING))
            async with self._slots:
                upload.cancellation.check()
                return await self._workers.run(work.run)
        finally:
            self._running.pop(key, None)


class _Throttle:
    """Passes on an upload's reports, from its thread, a few times a second."""

    def __init__(self, publish: Callable[[UploadState], object]) -> None:
        self._publish = publish
        self._next = 0.0

    def __call__(self, report: UploadReport) -> None:
        now = time.monotonic()
        if report.retry_in_s:
            self._publish(UploadState(UploadPhase.RETRYING, 0, report.retry_in_s))
        elif now >= self._next:
            self._next = now + PROGRESS_INTERVAL_S
            self._publish(UploadState(UploadPhase.PUSHING, report.current))


def _retrieve(task: asyncio.Task[Uploaded]) -> None:
    """Mark the failure of an abandoned upload as seen."""
    if not task.cancelled():
        task.exception()
