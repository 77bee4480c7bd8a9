"""Blocking iterators, read by the event loop."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from boxship.api.pump import in_threads


async def test_the_next_step_runs_while_bytes_are_used() -> None:
    begun = threading.Event()

    def steps() -> Iterator[bytes]:
        yield b"one"
        begun.set()
        yield b"two"

    seen = []
    async with aclosing(in_threads(steps())) as pieces:
        async for piece in pieces:
            assert await asyncio.to_thread(begun.wait, 10)
            seen.append(piece)
    assert seen == [b"one", b"two"]


async def test_other_pieces_are_used_before_the_next_step() -> None:
    steps_begun = []

    def steps() -> Iterator[bytes | list[int]]:
        for number in range(3):
            steps_begun.append(number)
            yield [number]

    async with aclosing(in_threads(steps())) as pieces:
        async for piece in pieces:
            await asyncio.to_thread(int)  # time in which a step could begin
            assert piece == [steps_begun[-1]]


async def test_a_consumer_that_goes_closes_the_source_after_the_step_under_way() -> None:
    waiting, go_on, closed = threading.Event(), threading.Event(), []

    def steps() -> Iterator[bytes]:
        try:
            yield b"one"
            waiting.set()
            go_on.wait(10)
            yield b"two"
        finally:
            closed.append(True)

    pieces = in_threads(steps())
    assert await anext(pieces) == b"one"
    assert await asyncio.to_thread(waiting.wait, 10)
    closing = asyncio.ensure_future(pieces.aclose())
    go_on.set()
    await closing
    assert closed == [True]


async def test_an_error_comes_after_what_was_before_it() -> None:
    def steps() -> Iterator[bytes]:
        yield b"one"
        raise OSError("broken")

    async with aclosing(in_threads(steps())) as pieces:
        assert await anext(pieces) == b"one"
        with pytest.raises(OSError, match="broken"):
            await anext(pieces)
