"""From a blocking iterator of bytes (a tar that is being packed) to an asynchronous one."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator


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
