"""Turning layers' archives into snapshots, each once however many ask for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, closing

from boxship.engine.images.image import LayerBlob
from boxship.engine.images.transfers import PROGRESS_INTERVAL_S
from boxship.engine.images.workers import Workers
from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.registry.errors import TransferCancelledError
from boxship.engine.storage.growth import Growth
from boxship.engine.storage.service import StorageService

CHUNK_SIZE = 1 << 20


class Unpacker:
    """Unpacks layers out of the content store."""

    def __init__(self, storage: StorageService, workers: Workers) -> None:
        self._storage = storage
        self._workers = workers
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    async def unpack(
        self,
        layer: LayerBlob,
        parent: str | None,
        report: Callable[[int], None],
        growth: Growth | None = None,
    ) -> bool:
        """Unpack a layer on its parent's chain id; False: it was there already.

        report: told the bytes of the archive read so far, in the event loop's thread. growth: read
        the archive while it arrives instead of from the content store. Raises storage's errors, and
        BrokenGrowthError for an archive that does not arrive.
        """
        async with self._only_one(layer.chain_id):
            if self._storage.has_layer(layer.chain_id):
                return False
            cancellation = Cancellation()
            loop = asyncio.get_running_loop()

            def work() -> None:
                source = (
                    growth.follow(cancellation.check, cancellation.interrupting)
                    if growth
                    else self._read(layer.digest, cancellation)
                )
                with closing(source):
                    chunks = _reported(source, lambda done: loop.call_soon_threadsafe(report, done))
                    self._storage.apply_layer(
                        chunks, parent=parent, expected_diff_id=layer.diff_id, blob=layer.digest
                    )

            await wait_for_thread(self._workers, work, cancellation)
            return True

    def _read(self, digest: str, cancellation: Cancellation) -> Generator[bytes, None, None]:
        with self._storage.content.open(digest) as file:
            while chunk := file.read(CHUNK_SIZE):
                cancellation.check()
                yield chunk

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


def _reported(chunks: Iterator[bytes], report: Callable[[int], object]) -> Iterator[bytes]:
    """Pass chunks on and tell, a few times a second, how many bytes went by."""
    done = 0
    next_report = 0.0
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        if (now := time.monotonic()) >= next_report:
            next_report = now + PROGRESS_INTERVAL_S
            report(done)


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
