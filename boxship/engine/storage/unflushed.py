"""Blobs for which nobody waited until they were on the disk.

Each has a mark, made before the blob gets its name and removed after it was flushed in the
background. The mark names the boot of the machine: after a power cut marks name another one, and
their blobs cannot be trusted.
"""

import os
from functools import partial
from pathlib import Path

from boxship.engine.storage.snapshots.background import Background
from boxship.linux.host import boot_id


class Unflushed:
    """Keeps the marks below ``root``. Safe from several threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._background = Background("content flush")

    def open(self) -> tuple[list[str], list[str]]:
        """Return the digests that are marked: by this boot, and by another one."""
        self._root.mkdir(exist_ok=True)
        boot = boot_id()
        found: tuple[list[str], list[str]] = [], []
        for mark in self._root.iterdir():
            is_other = mark.read_text(encoding="ascii", errors="replace") != boot
            found[is_other].append(mark.name.replace("-", ":"))
        return found

    def close(self) -> None:
        """Flush what is left. [blocking]"""
        self._background.close()

    def mark(self, digest: str) -> None:
        """Mark a blob that gets its name next."""
        self._path(digest).write_text(boot_id(), encoding="ascii")

    def flush_soon(self, digest: str, blob: Path) -> None:
        """Flush a marked blob in the background, and remove its mark then."""
        self._background.submit(partial(self._flush, digest, blob))

    def forget(self, digest: str) -> None:
        """Remove a mark; harmless without it."""
        self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._root / digest.replace(":", "-")

    def _flush(self, digest: str, blob: Path) -> None:
        """Flush data and name; a blob that was deleted meanwhile needs neither."""
        try:
            flush(blob)
        except FileNotFoundError:
            pass
        else:
            flush(blob.parent)
        self.forget(digest)


def flush(path: Path) -> None:
    """Return when a file's bytes, or a directory's names, are on the disk. [blocking]"""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
