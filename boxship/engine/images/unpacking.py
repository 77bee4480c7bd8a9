"""Turning layers' archives into snapshots, each once however many ask for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, closing

from boxship.engine.images.image import LayerBlob
from boxship.engine.images.transfers import PROGRESS_INTERVAL_S
from boxship.engine.images.workers import Workers
from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.registry.errors import TransferCancelledError
from boxship.engine.storage.growth import Growth
from boxship.engine.storage.service import StorageService
from boxship.engine.storage.snapshots.ahead import LayerAhead

CHUNK_SIZE = 1 << 20

_Interrupting = Callable[[Callable[[], None]], AbstractContextManager[None]]
_OpenArchive = Callable[[Callable[[], None], _Interrupting], Generator[bytes, None, None]]
"""Yields an archive's bytes; checks whether to go on, and says what wakes it up (Cancellation)."""


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

            def work(chunks: Iterator[bytes]) -> None:
                self._storage.apply_layer(
                    chunks, parent=parent, expected_diff_id=layer.diff_id, blob=layer.digest
                )

            await self._in_thread(
                growth.follow if growth else self._kept(layer.digest), report, work
            )
            return True

    async def unpack_ahead(
        self,
        layer: LayerBlob,
        below: Callable[[], Awaitable[str | None]],
        report: Callable[[int], None],
        growth: Growth,
        slots: asyncio.Semaphore,
    ) -> bool:
        """Unpack a layer as ``unpack`` does, before those below it are here; place it then.

        below: waits for the layer below and returns its chain id. slots: bounds how many are
        unpacked at once.
        """
        async with self._only_one(layer.chain_id):
            if self._storage.has_layer(layer.chain_id):
                return False
            async with slots:
                ahead = await self.draft(growth, report)
            try:
                parent = await below()
            except BaseException:
                self.discard(ahead)
                raise
            await self._place(ahead, layer, parent)
            return True

    @property
    def unpacks_ahead(self) -> bool:
        """Whether layers can be unpacked before those below them are here."""
        return self._storage.unpacks_ahead

    async def draft(self, growth: Growth, report: Callable[[int], None]) -> LayerAhead:
        """Unpack a layer while it arrives, to be placed or discarded.

        Raises storage's errors, NeedsParentError among them, and BrokenGrowthError.
        """
        drafts: list[LayerAhead] = []

        def work(chunks: Iterator[bytes]) -> None:
            drafts.append(self._storage.unpack_ahead(chunks))

        try:
            await self._in_thread(growth.follow, report, work)
        except asyncio.CancelledError:
            for draft in drafts:
                self.discard(draft)
            raise
        return drafts[0]

    async def place(self, ahead: LayerAhead, layer: LayerBlob, parent: str | None) -> bool:
        """Put a drafted layer on its parent; False: it was there already."""
        async with self._only_one(layer.chain_id):
            if self._storage.has_layer(layer.chain_id):
                self.discard(ahead)
                return False
            await self._place(ahead, layer, parent)
            return True

    def discard(self, ahead: LayerAhead) -> None:
        """Give up a drafted layer."""
        self._storage.discard_ahead(ahead)

    async def _place(self, ahead: LayerAhead, layer: LayerBlob, parent: str | None) -> None:
        await self._workers.run(
            lambda: self._storage.place_layer(
                ahead, parent=parent, expected_diff_id=layer.diff_id, blob=layer.digest
            )
        )

    async def _in_thread(
        self,
        open_archive: _OpenArchive,
        report: Callable[[int], None],
        work: Callable[[Iterator[bytes]], None],
    ) -> None:
        """Run ``work`` on the bytes of a layer's archive."""
        cancellation = Cancellation()
        loop = asyncio.get_running_loop()

        def run() -> None:
            with closing(open_archive(cancellation.check, cancellation.interrupting)) as source:
                work(_reported(source, lambda done: loop.call_soon_threadsafe(report, done)))

        await wait_for_thread(self._workers, run, cancellation)

    def _kept(self, digest: str) -> _OpenArchive:
        """Open an archive in the content store."""

        def read(check: Callable[[], None], _: _Interrupting) -> Generator[bytes, None, None]:
            with self._storage.content.open(digest) as file:
                while chunk := file.read(CHUNK_SIZE):
                    check()
                    yield chunk

        return read

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
