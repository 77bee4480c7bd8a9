"""Bytes between the event loop and worker threads: archives are packed and unpacked there."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator


async def in_threads(source: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield what ``source`` yields, each step in a worker thread.

    A generator is closed at the end, also when the consumer goes away in the middle: then only
    after the step that is under way, as a generator cannot be closed while it runs.
    """
    try:
        while True:
            step = asyncio.ensure_future(asyncio.to_thread(next, source, None))
            try:
                chunk = await asyncio.shield(step)
            except asyncio.CancelledError:
                await asyncio.wait({step})
                raise
            if chunk is None:
                return
            yield chunk
    finally:
        if isinstance(source, Generator):
            await asyncio.shield(asyncio.to_thread(source.close))


def from_loop(source: AsyncIterator[bytes]) -> Iterator[bytes]:
    """Return what ``source`` yields for a worker thread to iterate; call it in the loop."""
    loop = asyncio.get_running_loop()

    async def step() -> bytes | None:
        return await anext(source, None)

    def steps() -> Iterator[bytes]:
        while (chunk := asyncio.run_coroutine_threadsafe(step(), loop).result()) is not None:
            yield chunk

    return steps()
