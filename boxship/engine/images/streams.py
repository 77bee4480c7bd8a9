"""Byte streams between the event loop and worker threads, with bounded memory."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import suppress
from typing import TypeVar

from boxship.engine.images.workers import Workers
from boxship.engine.registry.errors import TransferCancelledError

T = TypeVar("T")

MAX_QUEUED_BYTES = 8 << 20


class ChunkFeed:
    """Iterated by one thread, fed by the event loop, which waits while too much is queued."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[bytes | BaseException | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._queued = 0
        self._is_waiting = False
        self._room = asyncio.Event()

    async def pump(self, source: AsyncIterator[bytes]) -> None:
        """Pass on everything that ``source`` yields."""
        async for chunk in source:
            with self._lock:
                self._queued += len(chunk)
                self._is_waiting = self._queued >= MAX_QUEUED_BYTES
                if self._is_waiting:
                    self._room.clear()
                wait = self._is_waiting
            self._queue.put(chunk)
            if wait:
                await self._room.wait()

    def end(self, failure: BaseException | None = None) -> None:
        """End the iteration, or make it raise ``failure``."""
        self._queue.put(failure)

    def __iter__(self) -> Iterator[bytes]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            self._taken(len(item))
            yield item

    def _taken(self, size: int) -> None:
        with self._lock:
            self._queued -= size
            wake = self._is_waiting and self._queued < MAX_QUEUED_BYTES // 2
            if wake:
                self._is_waiting = False
        if wake:
            self._loop.call_soon_threadsafe(self._room.set)


async def consume(
    workers: Workers, source: AsyncIterator[bytes], work: Callable[[Iterator[bytes]], T]
) -> T:
    """Run ``work`` in a thread on the bytes of ``source``; return its result.

    When the source fails or the caller is cancelled, the thread's iteration raises, and this
    waits until it has cleaned up. The source need not be read to its end.
    """
    feed = ChunkFeed()
    worker = asyncio.ensure_future(workers.run(lambda: work(iter(feed))))
    pump = asyncio.ensure_future(feed.pump(source))
    try:
        await asyncio.wait({worker, pump}, return_when=asyncio.FIRST_COMPLETED)
        if pump.done():
            feed.end(pump.exception())
        return await asyncio.shield(worker)
    except asyncio.CancelledError:
        feed.end(TransferCancelledError("the client is gone"))
        with suppress(Exception):
            await worker
        raise
    finally:
        pump.cancel()
        await asyncio.wait({pump})


async def produce(
    workers: Workers, chunks: Generator[T, None, None], wake: Callable[[], None] | None = None
) -> AsyncIterator[T]:
    """Yield what a blocking generator yields, each step in a thread; close it at the end.

    When the consumer is cancelled in the middle of a step, that is waited for: a generator cannot
    be closed while it runs. wake: lets such a step end soon.
    """
    try:
        while True:
            step = asyncio.ensure_future(workers.run(lambda: next(chunks, None)))
            try:
                chunk = await asyncio.shield(step)
            except asyncio.CancelledError:
                if wake is not None:
                    wake()
                await asyncio.wait({step})
                raise
            if chunk is None:
                return
            yield chunk
    finally:
        await asyncio.shield(workers.run(chunks.close))
