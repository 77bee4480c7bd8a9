"""Bytes between the event loop and worker threads: archives are packed and unpacked there."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


async def in_threads(source: Iterator[T]) -> AsyncGenerator[T, None]:
    """Yield what ``source`` yields, each step in a worker thread.

    While the consumer is at some bytes the next step runs; anything else may stand for something
    that is good only until then, so that the step waits. A generator is closed at the end, also
    when the consumer goes away in the middle: then only after the step that is under way, as a
    generator cannot be closed while it runs.
    """
    step = _step(source)
    try:
        while (piece := await asyncio.shield(step)) is not None:
            is_lasting = isinstance(piece, bytes)
            if is_lasting:
                step = _step(source)
            yield piece
            if not is_lasting:
                step = _step(source)
    finally:
        if not step.done():
            await asyncio.wait({step})
        if not step.cancelled():
            step.exception()  # nobody is there any more to be told
        if isinstance(source, Generator):
            await asyncio.shield(asyncio.to_thread(source.close))


def _step(source: Iterator[T]) -> asyncio.Task[T | None]:
    return asyncio.create_task(asyncio.to_thread(next, source, None))


def from_loop(source: AsyncIterator[bytes]) -> Iterator[bytes]:
    """Return what ``source`` yields for a worker thread to iterate; call it in the loop."""
    loop = asyncio.get_running_loop()

    async def step() -> bytes | None:
        return await anext(source, None)

    def steps() -> Iterator[bytes]:
        while (chunk := asyncio.run_coroutine_threadsafe(step(), loop).result()) is not None:
            yield chunk

    return steps()
