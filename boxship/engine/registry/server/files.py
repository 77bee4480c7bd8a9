"""The files of a registry: contents named by their digests, uploads on their way in.

``blobs/<algorithm>/<two digits>/<digits>`` is complete, flushed to the disk and never changed. What
is not complete is in ``uploads/``. Methods block unless they say otherwise.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from boxship.engine.registry.server.faults import NoSpaceError
from boxship.units import human_size

_READ_SIZE: Final = 1024 * 1024


class Files:
    """The tree below a registry's root."""

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs"
        self._uploads = root / "uploads"
        for directory in (self._blobs, self._uploads):
            directory.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def disk_errors(self) -> Iterator[None]:
        """Turn a full disk inside the block into NoSpaceError."""
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            state = os.statvfs(self._blobs)
            free = human_size(state.f_bavail * state.f_frsize)
            raise NoSpaceError(
                f"the registry's disk is full ({free} are free): remove tags that are not needed "
                "and run 'boxship registry gc'"
            ) from error

    def blob(self, digest: str) -> Path:
        """Return where content lies or will lie. Does not block."""
        algorithm, _, digits = digest.partition(":")
        return self._blobs / algorithm / digits[:2] / digits

    def holds(self, digest: str, size: int) -> bool:
        """Tell whether content lies here and has its size; a quick look."""
        try:
            return self.blob(digest).stat().st_size == size
        except FileNotFoundError:
            return False

    def upload(self, identity: str) -> Path:
        """Return where an upload's bytes are. Does not block."""
        return self._uploads / identity

    def prepare(self, digest: str, path: Path) -> None:
        """Flush a complete file, and make room for its name."""
        with self.disk_errors():
            self.blob(digest).parent.mkdir(parents=True, exist_ok=True)
            flush(path)

    def publish(self, digest: str, path: Path) -> None:
        """Give a prepared file its name. Quick: done inside the transaction that tells of it."""
        path.rename(self.blob(digest))

    def settle(self, digest: str) -> None:
        """Flush the name itself."""
        directory = self.blob(digest).parent
        for place in (directory, directory.parent):
            flush(place)

    def write_new(self, identity: str, data: bytes) -> Path:
        """Write small content where uploads are."""
        path = self.upload(identity)
        with self.disk_errors():
            path.write_bytes(data)
        return path

    def all_blobs(self) -> Iterator[tuple[str, os.stat_result]]:
        """List what lies in the tree, whether anybody knows of it or not."""
        for algorithm in sorted(self._blobs.iterdir()):
            for path in sorted(algorithm.glob("*/*")):
                try:
                    yield f"{algorithm.name}:{path.name}", path.stat()
                except FileNotFoundError:
                    continue  # removed meanwhile

    def all_uploads(self) -> Iterator[tuple[str, os.stat_result]]:
        """List the uploads that lie here."""
        for path in sorted(self._uploads.iterdir()):
            try:
                yield path.name, path.stat()
            except FileNotFoundError:
                continue


def flush(path: Path) -> None:
    """Wait until a file or directory is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hash_file(path: Path, hasher: "hashlib._Hash", start: int = 0) -> int:
    """Add a file's bytes from ``start`` on to a hash; return the file's size."""
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while chunk := file.read(_READ_SIZE):
            hasher.update(chunk)
            start += len(chunk)
    return start
