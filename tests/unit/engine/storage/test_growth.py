"""Reading a blob while it is written: all of it, or a clear break."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from boxship.engine.storage.content import ContentStore
from boxship.engine.storage.errors import CorruptContentError
from boxship.engine.storage.growth import PIECE, BrokenGrowthError, Growth

DATA = bytes(range(256)) * (3 * PIECE // 256) + b"the end"
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    content = ContentStore(tmp_path / "content")
    content.open_store()
    return content


@contextmanager
def uninterrupted(_: Callable[[], None]) -> Iterator[None]:
    yield


def follow(growth: Growth) -> bytes:
    return b"".join(growth.follow(lambda: None, uninterrupted))


def test_a_reader_gets_all_while_it_comes(store: ContentStore) -> None:
    growth, seen = Growth(), threading.Event()

    def read() -> bytes:
        found = b""
        for piece in growth.follow(lambda: None, uninterrupted):
            found += piece
            seen.set()
        return found

    with ThreadPoolExecutor() as threads, store.writer(DIGEST, len(DATA), growth) as writer:
        reader = threads.submit(read)
        writer.write(DATA[:PIECE])
        assert seen.wait(10), "nothing was read before the end"
        assert not reader.done()
        writer.write(DATA[PIECE:])
        writer.commit()
        growth.close()
        assert reader.result(10) == DATA


def test_a_late_reader_gets_all_too(store: ContentStore) -> None:
    growth = Growth()
    with store.writer(DIGEST, len(DATA), growth) as writer:
        writer.write(DATA)
        writer.commit()
    assert follow(growth) == DATA
    growth.close()
    with pytest.raises(BrokenGrowthError):
        follow(growth)


def test_wrong_bytes_never_come_to_an_end(store: ContentStore) -> None:
    growth = Growth()
    pieces = []
    with store.writer(DIGEST, len(DATA), growth) as writer:
        writer.write(b"?" + DATA[1:])
        source = growth.follow(lambda: None, uninterrupted)
        pieces.append(next(source))
        with pytest.raises(CorruptContentError):
            writer.commit()
    growth.close()
    with pytest.raises(BrokenGrowthError):
        pieces += list(source)


def test_a_resumed_blob_goes_on(store: ContentStore) -> None:
    growth = Growth()
    first = store.resume(DIGEST, len(DATA), growth)
    first.write(DATA[: 2 * PIECE])
    source = growth.follow(lambda: None, uninterrupted)
    found = next(source)
    first.suspend()
    with store.resume(DIGEST, len(DATA), growth) as second:
        assert second.offset == 2 * PIECE, "the reader must not hold the file's lock"
        second.write(DATA[2 * PIECE :])
        second.commit()
    assert found + b"".join(source) == DATA
    growth.close()


def test_a_blob_that_begins_anew_breaks_its_readers(store: ContentStore) -> None:
    growth = Growth()
    with store.resume(DIGEST, len(DATA), growth) as writer:
        writer.write(DATA[:PIECE])
        source = growth.follow(lambda: None, uninterrupted)
        next(source)
        writer.restart()
        with pytest.raises(BrokenGrowthError):
            next(source)
    growth.close()


def test_another_file_breaks_readers(store: ContentStore) -> None:
    growth = Growth()
    with store.writer(DIGEST, None, growth) as first, store.writer(DIGEST, None, growth):
        first.write(DATA)
        with pytest.raises(BrokenGrowthError):
            follow(growth)
    growth.close()


def test_a_waiting_reader_can_be_told_to_stop(store: ContentStore) -> None:
    growth = Growth()
    stopped = threading.Event()
    waiting = threading.Event()
    wakers: list[Callable[[], None]] = []

    @contextmanager
    def interrupting(wake: Callable[[], None]) -> Iterator[None]:
        wakers.append(wake)
        yield

    def check() -> None:
        waiting.set()
        if stopped.is_set():
            raise InterruptedError

    with ThreadPoolExecutor() as threads, store.writer(DIGEST, None, growth):
        reader = threads.submit(lambda: list(growth.follow(check, interrupting)))
        assert waiting.wait(10)
        stopped.set()
        wakers[0]()
        with pytest.raises(InterruptedError):
            reader.result(10)
    growth.close()
