"""Uploads that several requests want at the same time."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from boxship.engine.registry.server.config import ServerConfig
from boxship.engine.registry.server.faults import UploadInvalidError
from boxship.engine.registry.server.manifests import digest_of
from boxship.engine.registry.server.service import Registry
from boxship.engine.registry.server.uploads import Progress

DATA = b"abc" * 1000


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A registry, not served."""
    registry = Registry(ServerConfig(root=tmp_path / "root"))
    yield registry
    registry.close()


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    """A body."""
    for piece in data:
        yield piece


async def test_nobody_appends_while_a_blob_is_made(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be in the file, but not in what was hashed."""
    hashing, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    digest = Progress.digest

    def slowly(progress: Progress) -> str:
        loop.call_soon_threadsafe(hashing.set)
        assert go_on.wait(30)
        return digest(progress)

    monkeypatch.setattr(Progress, "digest", slowly)
    upload = registry.begin_upload("app")
    await registry.receive("app", upload, None, pieces(DATA))
    finish = asyncio.create_task(registry.finish_upload("app", upload, digest_of(DATA, "sha256")))
    await hashing.wait()
    for other in (
        registry.receive("app", upload, None, pieces(b"more")),
        registry.finish_upload("app", upload, digest_of(DATA, "sha256")),
        registry.cancel_upload("app", upload),
    ):
        with pytest.raises(UploadInvalidError, match="another request is finishing this upload"):
            await other
    go_on.set()
    await finish
    path = registry.files.blob(digest_of(DATA, "sha256"))
    assert path.read_bytes() == DATA


async def test_of_many_writers_only_the_last_goes_on(registry: Registry) -> None:
    upload = registry.begin_upload("app")
    begun = asyncio.Event()
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def endless(data: bytes) -> AsyncIterator[bytes]:
        yield data
        begun.set()
        await never
        yield b"not written"

    first = asyncio.create_task(registry.receive("app", upload, None, endless(b"")))
    await begun.wait()
    others = [
        asyncio.create_task(registry.receive("app", upload, None, pieces(bytes([65 + n]) * 10)))
        for n in range(3)
    ]
    done = await asyncio.gather(*others, return_exceptions=True)
    never.set_result(None)
    with pytest.raises(UploadInvalidError, match="another request went on"):
        await first
    content = registry.files.upload(upload).read_bytes()
    assert registry.upload_size("app", upload) == len(content)
    written = [n for n, result in enumerate(done) if not isinstance(result, Exception)]
    assert written
    assert {content.count(bytes([65 + n])) for n in written} == {10}


async def test_a_hash_that_was_not_there_is_made_up_for(registry: Registry, tmp_path: Path) -> None:
    """As after a restart: the file has bytes that no hash has seen."""
    upload = registry.begin_upload("app")
    await registry.receive("app", upload, None, pieces(DATA))
    registry.close()
    again = Registry(ServerConfig(root=tmp_path / "root"))
    await again.receive("app", upload, len(DATA), pieces(b"the rest"))
    whole = DATA + b"the rest"
    digest = digest_of(whole, "sha512")
    await again.finish_upload("app", upload, digest)
    assert again.files.blob(digest).read_bytes() == whole
    again.close()
