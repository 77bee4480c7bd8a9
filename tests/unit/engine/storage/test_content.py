"""The content store: whole and verified, or not at all."""

import hashlib
import os
from pathlib import Path

import pytest

from boxship.engine.storage.content import PARTIAL_LIFETIME_S, ContentStore, parse_digest
from boxship.engine.storage.errors import CorruptContentError
from boxship.errors import InvalidParameterError, NotFoundError
from boxship.linux.host import boot_id

DATA = b"some layer" * 1000
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    content = ContentStore(tmp_path / "content")
    content.open_store()
    return content


def ingesting(store: ContentStore) -> list[str]:
    return os.listdir(store.root / "ingest")


def test_written_read_and_deleted(store: ContentStore) -> None:
    with store.writer(DIGEST, len(DATA)) as writer:
        writer.write(DATA[:100])
        assert not store.has(DIGEST)
        writer.write(memoryview(DATA)[100:])
        assert writer.commit() == DIGEST
    assert store.has(DIGEST)
    assert store.size(DIGEST) == len(DATA)
    assert store.read(DIGEST) == DATA
    assert list(store.digests()) == [DIGEST]
    assert ingesting(store) == []
    store.delete(DIGEST)
    store.delete(DIGEST)
    assert not store.has(DIGEST)


def test_put_is_idempotent(store: ContentStore) -> None:
    assert store.put(DATA) == store.put(DATA) == DIGEST


def test_other_algorithms(store: ContentStore) -> None:
    digest = "sha512:" + hashlib.sha512(DATA).hexdigest()
    with store.writer(digest) as writer:
        writer.write(DATA)
        writer.commit()
    assert store.read(digest) == DATA
    assert store.verify(digest)


@pytest.mark.parametrize(
    ("digest", "size", "data", "message"),
    [
        ("sha256:" + "0" * 64, None, DATA, "verification failed"),
        (DIGEST, len(DATA), DATA[:-1], "cut off"),
        (DIGEST, len(DATA) - 1, DATA, "longer than"),
    ],
)
def test_lies_are_found_and_nothing_is_kept(
    store: ContentStore, digest: str, size: int | None, data: bytes, message: str
) -> None:
    with pytest.raises(CorruptContentError, match=message), store.writer(digest, size) as writer:
        writer.write(data)
        writer.commit()
    assert list(store.digests()) == []
    assert ingesting(store) == []


def test_a_suspended_download_goes_on_where_it_was(store: ContentStore, tmp_path: Path) -> None:
    writer = store.resume(DIGEST, len(DATA))
    assert writer.offset == 0
    writer.write(DATA[:4000])
    writer.suspend()
    again = ContentStore(tmp_path / "content")
    again.open_store()
    with again.resume(DIGEST, len(DATA)) as writer:
        assert writer.offset == 4000
        writer.write(DATA[4000:])
        assert writer.commit() == DIGEST


def test_a_server_that_cannot_resume_starts_over(store: ContentStore) -> None:
    writer = store.resume(DIGEST)
    writer.write(b"something else")
    writer.suspend()
    with store.resume(DIGEST) as writer:
        writer.restart()
        writer.write(DATA)
        assert writer.commit() == DIGEST


def test_two_writers_of_one_blob_do_not_meet(store: ContentStore) -> None:
    first, second = store.resume(DIGEST), store.resume(DIGEST)
    first.write(DATA[:10])
    assert second.offset == 0
    second.write(DATA)
    first.write(DATA[10:])
    assert first.commit() == second.commit() == DIGEST
    assert store.verify(DIGEST)
    assert ingesting(store) == []


def test_opening_removes_rubbish_and_keeps_fresh_partials(
    store: ContentStore, tmp_path: Path
) -> None:
    ingest = store.root / "ingest"
    (ingest / "deadbeef").write_bytes(b"half")
    old, fresh = ingest / "partial-old", ingest / "partial-fresh"
    for path in (old, fresh):
        path.write_bytes(b"half")
    past = old.stat().st_mtime - PARTIAL_LIFETIME_S - 10
    os.utime(old, (past, past))
    ContentStore(tmp_path / "content").open_store()
    assert ingesting(store) == ["partial-fresh"]


def test_damage_on_the_disk_is_found(store: ContentStore) -> None:
    store.put(DATA)
    path = store.path(DIGEST)
    path.chmod(0o600)
    path.write_bytes(DATA[:-1] + b"!")
    assert not store.verify(DIGEST)


def test_missing_blobs(store: ContentStore) -> None:
    for operation in (store.size, store.open, store.read):
        with pytest.raises(NotFoundError, match="not in the store"):
            operation(DIGEST)


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "sha256",
        "sha256:",
        "sha256:abc",
        "md5:" + "0" * 32,
        "sha256:" + "g" * 64,
        "sha256:" + "A" * 64,
        "sha256:../../etc/passwd",
        "sha512:" + "0" * 64,
    ],
)
def test_malformed_digests(digest: str) -> None:
    with pytest.raises(InvalidParameterError, match="invalid checksum digest format"):
        parse_digest(digest)


def test_a_writer_keeps_no_file_open(store: ContentStore) -> None:
    before = len(os.listdir("/proc/self/fd"))
    store.put(DATA)
    with store.writer(DIGEST, len(DATA)) as writer:
        writer.write(DATA)
    suspended = store.resume(DIGEST, len(DATA))
    suspended.write(DATA[:10])
    suspended.suspend()
    assert len(os.listdir("/proc/self/fd")) == before


def marks(store: ContentStore) -> list[str]:
    return os.listdir(store.root / "unflushed")


def publish_soon(store: ContentStore) -> None:
    with store.writer(hashed=False) as writer:
        writer.write(DATA)
        assert writer.commit_soon(DIGEST) == DIGEST


def test_a_blob_nobody_waited_for_is_flushed_in_the_background(store: ContentStore) -> None:
    publish_soon(store)
    assert store.read(DIGEST) == DATA
    store.close()
    assert (marks(store), ingesting(store)) == ([], [])
    assert store.verify(DIGEST)


def test_the_next_start_flushes_what_the_last_one_left(store: ContentStore) -> None:
    mark = store.root / "unflushed" / DIGEST.replace(":", "-")
    publish_soon(store)
    store.close()
    mark.write_text(boot_id())
    again = ContentStore(store.root)
    again.open_store()
    again.close()
    assert again.has(DIGEST)
    assert not mark.exists()


@pytest.mark.parametrize("boot", ["", "another boot"])
def test_a_power_cut_takes_blobs_that_were_not_flushed(store: ContentStore, boot: str) -> None:
    publish_soon(store)
    store.put(b"{}")
    store.close()
    (store.root / "unflushed" / DIGEST.replace(":", "-")).write_text(boot)
    store.open_store()
    assert not store.has(DIGEST)
    assert marks(store) == []
    assert store.has("sha256:" + hashlib.sha256(b"{}").hexdigest())


def test_a_blob_that_is_here_is_not_replaced_by_one_nobody_waits_for(store: ContentStore) -> None:
    store.put(DATA)
    before = store.path(DIGEST).stat().st_ino
    publish_soon(store)
    assert store.path(DIGEST).stat().st_ino == before
    assert (marks(store), ingesting(store)) == ([], [])


def test_a_deleted_blob_needs_no_flush(store: ContentStore) -> None:
    publish_soon(store)
    store.delete(DIGEST)
    store.close()
    assert (marks(store), store.has(DIGEST)) == ([], False)
