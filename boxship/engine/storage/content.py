"""The content store: immutable blobs named by the digest of their bytes.

``blobs/<algorithm>/<hex>`` holds whole, verified blobs only. They are written below ``ingest/``,
hashed on the way, flushed to the disk and renamed. A name there that begins with ``partial-``
is an interrupted download that may be resumed; all others are rubbish after a crash. Blobs for
which nobody waited are marked until they are flushed too (``unflushed.py``).
"""

import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from boxship.engine.storage.errors import CorruptContentError, disk_errors
from boxship.engine.storage.growth import Growth
from boxship.engine.storage.unflushed import Unflushed, flush
from boxship.errors import InvalidParameterError, NotFoundError
from boxship.linux.syncfs import start_writing

DEFAULT_ALGORITHM = "sha256"
PARTIAL_LIFETIME_S = 7 * 24 * 3600
"""Interrupted downloads older than this are given up at the next start."""
_HEX_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_PARTIAL = "partial-"
_READ_SIZE = 1 << 20
_WRITE_BEHIND = 8 << 20
"""Bytes after which the disk is set to work, so that little is left to flush at the end."""
_DIGEST = re.compile(r"(sha256|sha384|sha512):([0-9a-f]+)")


def parse_digest(digest: str) -> tuple[str, str]:
    """Split ``sha256:…`` into algorithm and hex; InvalidParameterError unless well formed."""
    match = _DIGEST.fullmatch(digest)
    if match is None or len(match[2]) != _HEX_LENGTHS[match[1]]:
        raise InvalidParameterError(f"invalid checksum digest format: {digest!r}")
    return match[1], match[2]


class ContentWriter:
    """A blob on its way in. All methods block; use it from one worker thread at a time.

    As a context manager it is aborted unless it was committed or suspended.
    """

    def __init__(
        self,
        store: "ContentStore",
        path: Path,
        expected_digest: str | None,
        expected_size: int | None,
        growth: Growth | None = None,
        *,
        hashed: bool = True,
    ) -> None:
        algorithm = parse_digest(expected_digest)[0] if expected_digest else DEFAULT_ALGORITHM
        self._store = store
        self._path = path
        self._expected_digest = expected_digest
        self._expected_size = expected_size
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm)
        self._hashed = hashed
        self._file: BinaryIO | None = None
        self._growth = growth
        self._flushing = 0
        self.offset = 0
        """Bytes that are already here: where a resumed download goes on."""

    def open(self) -> bool:
        """Open or create the file and read what it holds; False if another writer has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "r+b", buffering=0)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        if not self._path.exists() or not os.path.samestat(
            os.fstat(descriptor), os.stat(self._path)
        ):
            file.close()  # the other writer published or removed it between our open and lock
            return False
        while chunk := file.read(_READ_SIZE):
            self._hash.update(chunk)
            self.offset += len(chunk)
        self._file = file
        self._flushing = self.offset
        if self._growth is not None:
            self._growth.opened(descriptor, self.offset)
        return True

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``. Raises CorruptContentError past the expected size, StorageFullError."""
        if self._expected_size is not None and self.offset + len(data) > self._expected_size:
            raise CorruptContentError(
                f"{self._name()} is longer than the {self._expected_size} bytes announced"
            )
        with disk_errors(f"writing {self._name()}", self._path.parent):
            _write_all(self._open_file().fileno(), memoryview(data))
        self.offset += len(data)
        if self._growth is not None:
            self._growth.grew(self.offset)
        if self._hashed:
            self._hash.update(data)
        if self.offset - self._flushing >= _WRITE_BEHIND:
            start_writing(self._open_file().fileno(), self._flushing, self.offset - self._flushing)
            self._flushing = self.offset

    def restart(self) -> None:
        """Forget what is here and begin again at 0: the server does not resume."""
        file = self._open_file()
        file.seek(0)
        file.truncate()
        self._hash = hashlib.new(self._algorithm)
        self.offset = self._flushing = 0
        if self._growth is not None:
            self._growth.restarted()

    def verify(self) -> str:
        """Return the digest of the whole blob; only its commit is left to be done.

        Raises CorruptContentError for another digest or size than expected.
        """
        digest = self._verified_digest()
        if self._growth is not None:
            self._growth.verified()
        return digest

    def commit(self) -> str:
        """Verify, flush and publish the blob; return its digest. It is aborted on failure."""
        try:
            digest = self.verify()
            file = self._open_file()
            with disk_errors(f"writing {self._name()}", self._path.parent):
                os.fsync(file.fileno())
                self._store.publish(self._path, digest)
        except BaseException:
            self.abort()
            raise
        file.close()
        self._file = None
        return digest

    def commit_soon(self, known_digest: str | None = None) -> str:
        """Publish the blob without waiting for the disk; a power cut may take it away.

        ``known_digest``: what somebody else found out who saw the same bytes; without, it is
        verified. It is aborted on failure.
        """
        try:
            digest = known_digest or self.verify()
            with disk_errors(f"writing {self._name()}", self._path.parent):
                self._store.publish_soon(self._path, digest)
        except BaseException:
            self.abort()
            raise
        self.suspend()
        return digest

    def abort(self) -> None:
        """Throw away what was written. Harmless after commit or suspend."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def suspend(self) -> None:
        """Stop here; ``ContentStore.resume`` goes on at this offset, also after a restart."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "ContentWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.abort()

    def _verified_digest(self) -> str:
        if self._expected_size is not None and self.offset != self._expected_size:
            raise CorruptContentError(
                f"{self._name()} has {self.offset} bytes instead of the {self._expected_size} "
                "announced: the transfer was cut off"
            )
        digest = f"{self._algorithm}:{self._hash.hexdigest()}"
        if self._expected_digest not in (None, digest):
            raise CorruptContentError(
                f"filesystem layer verification failed for digest {self._expected_digest}: the "
                f"bytes received have {digest}; what the registry sent is damaged"
            )
        return digest

    def _open_file(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("the content writer is closed")
        return self._file

    def _name(self) -> str:
        return self._expected_digest or "content"


class ContentStore:
    """Blobs by digest below ``root``. Safe for use from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ingest = root / "ingest"
        self._unflushed = Unflushed(root / "unflushed")

    def open_store(self) -> None:
        """Create the directories and remove what a crash left half written."""
        for algorithm in _HEX_LENGTHS:
            (self.root / "blobs" / algorithm).mkdir(parents=True, exist_ok=True)
        self._ingest.mkdir(exist_ok=True)
        oldest = time.time() - PARTIAL_LIFETIME_S
        for path in self._ingest.iterdir():
            if not path.name.startswith(_PARTIAL) or path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
        unflushed, lost = self._unflushed.open()
        for digest in lost:
            self.delete(digest)
        for digest in unflushed:
            self._unflushed.flush_soon(digest, self.path(digest))

    def close(self) -> None:
        """Flush what was not waited for. [blocking]"""
        self._unflushed.close()

    def path(self, digest: str) -> Path:
        """Return where the blob is or would be."""
        algorithm, encoded = parse_digest(digest)
        return self.root / "blobs" / algorithm / encoded

    def has(self, digest: str) -> bool:
        """Tell whether the blob is here."""
        return self.path(digest).exists()

    def size(self, digest: str) -> int:
        """Return the blob's length in bytes; NotFoundError without it."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            raise _missing(digest) from None

    def open(self, digest: str) -> BinaryIO:
        """Open the blob for reading; NotFoundError without it."""
        try:
            return self.path(digest).open("rb", buffering=0)
        except FileNotFoundError:
            raise _missing(digest) from None

    def read(self, digest: str) -> bytes:
        """Return a small document (manifest, configuration) whole."""
        with self.open(digest) as file:
            return file.read()

    def writer(
        self,
        expected_digest: str | None = None,
        expected_size: int | None = None,
        growth: Growth | None = None,
        *,
        hashed: bool = True,
    ) -> ContentWriter:
        """Begin a new blob. An expected digest or size that is missed fails its commit.

        ``growth`` is told of what the writer does. ``hashed``: False where somebody else works out
        the digest, for ``commit_soon``.
        """
        path = self._ingest / secrets.token_hex(12)
        writer = ContentWriter(self, path, expected_digest, expected_size, growth, hashed=hashed)
        with disk_errors("writing content", self.root):
            writer.open()
        return writer

    def resume(
        self,
        expected_digest: str,
        expected_size: int | None = None,
        growth: Growth | None = None,
    ) -> ContentWriter:
        """Go on with an interrupted blob at its ``offset``, or begin it.

        While another writer is at the same blob, a new one beginning at 0 is returned. ``growth``
        is told of what the writer does, by all writers of one blob in turn.
        """
        name = _PARTIAL + expected_digest.replace(":", "-")
        path = self._ingest / name
        writer = ContentWriter(self, path, expected_digest, expected_size, growth)
        with disk_errors("writing content", self.root):
            if not writer.open():
                path = self._ingest / secrets.token_hex(12)
                writer = ContentWriter(self, path, expected_digest, expected_size, growth)
                writer.open()
        if expected_size is not None and writer.offset > expected_size:
            writer.restart()
        return writer

    def put(self, data: bytes) -> str:
        """Store a small document and return its digest."""
        digest = f"{DEFAULT_ALGORITHM}:{hashlib.new(DEFAULT_ALGORITHM, data).hexdigest()}"
        if not self.has(digest):
            with self.writer(digest, len(data)) as writer:
                writer.write(data)
                writer.commit()
        return digest

    def delete(self, digest: str) -> None:
        """Remove a blob; harmless without it. Readers that hold it open read on."""
        self.path(digest).unlink(missing_ok=True)
        self._unflushed.forget(digest)

    def digests(self) -> Iterator[str]:
        """Yield the digests of all blobs."""
        for algorithm in _HEX_LENGTHS:
            for name in os.listdir(self.root / "blobs" / algorithm):
                yield f"{algorithm}:{name}"

    def verify(self, digest: str) -> bool:
        """Read the blob and tell whether its bytes still have the digest. [blocking]"""
        state = hashlib.new(parse_digest(digest)[0])
        with self.open(digest) as file:
            while chunk := file.read(_READ_SIZE):
                state.update(chunk)
        return digest.endswith(":" + state.hexdigest())

    def publish(self, temporary: Path, digest: str) -> None:
        """Give a verified, flushed file its final name (called by the writer)."""
        target = self.path(digest)
        os.chmod(temporary, 0o400)
        os.rename(temporary, target)
        flush(target.parent)

    def publish_soon(self, temporary: Path, digest: str) -> None:
        """Give a file that is not flushed yet its final name (called by the writer)."""
        target = self.path(digest)
        if target.exists():  # that one may be on the disk already
            temporary.unlink()
            return
        os.chmod(temporary, 0o400)
        self._unflushed.mark(digest)
        os.rename(temporary, target)
        self._unflushed.flush_soon(digest, target)


def _missing(digest: str) -> NotFoundError:
    return NotFoundError(f"content {digest} is not in the store: pull or load its image again")


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
