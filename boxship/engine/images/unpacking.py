"""Turning layers' archives into snapshots, each once however many ask for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, closing

from boxship.engine.images.image import LayerBlob
from boxship.engine.images.transfers import PROGRESS_INTERVAL_S
from boxship.engine.images.workers import Workers
from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.registry.errors import TransferCancelledError
from boxship.engine.storage.service import StorageService

CHUNK_SIZE = 1 << 20


class Unpacker:
    """Unpacks layers out of the content store."""

    def __init__(self, storage: StorageService, workers: Workers) -> None:
        self._storage = storage
        self._workers = workers
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    async def unpack(
        self, layer: LayerBlob, parent: str | None, report: Callable[[int], None]
    ) -> bool:
        """Unpack a layer on its parent's chain id; False: it was there already.

        report: told the bytes of the archive read so far, in the event loop's thread. Raises
        storage's errors.
        """
        async with self._only_one(layer.chain_id):
            if self._storage.has_layer(layer.chain_id):
                return False
            cancellation = Cancellation()
            loop = asyncio.get_running_loop()

            def work() -> None:
                source = self._read(
                    layer.digest,
                    cancellation,
                    lambda done: loop.call_soon_threadsafe(report, done),
                )
                with closing(source):
                    self._storage.apply_layer(
                        source, parent=parent, expected_diff_id=layer.diff_id, blob=layer.digest
                    )

            await wait_for_thread(self._workers, work, cancellation)
            return True

    def _read(
        self, digest: str, cancellation: Cancellation, report: Callable[[int], object]
    ) -> Generator[bytes, None, None]:
        done = 0
        next_report = 0.0
        with self._storage.content.open(digest) as file:
            while chunk := file.read(CHUNK_SIZE):
                cancellation.check()
                yield chunk
                done += len(chunk)
                if (now := time.monotonic()) >= next_report:
                    next_report = now + PROGRESS_INTERVAL_S
                    report(done)

    @asynccontextmanager
    async def _only_one(self, chain_id: str) -> AsyncIterator[None]:
        lock, users = self._locks.get(chain_id, (asyncio.Lock(), 0))
        self._locks[chain_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(chain_id)
            if users > 1:
                self._locks[chain_id] = (lock, users - 1)


async def wait_for_thread(
    workers: Workers, work: Callable[[], None], cancellation: Cancellation
) -> None:
    """Run ``work`` in a thread; when cancelled, cancel it and wait until it has cleaned up."""
    task = asyncio.ensure_future(workers.run(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        cancellation.cancel()
        try:
            await task
        except TransferCancelledError:
            pass
        raise
