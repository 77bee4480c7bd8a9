"""Room on the disk that is kept for the moment when there is no other left."""

import os
from pathlib import Path

SIZE = 2 * 1024 * 1024
"""Bytes: some hundred changes of state."""


class Reserve:
    """A file that only takes up space."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self) -> None:
        """Take the room, if there is enough of it."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, SIZE)
        except OSError:
            os.ftruncate(descriptor, 0)  # no more than we need should be taken of a full disk
        finally:
            os.close(descriptor)

    def give_up(self) -> bool:
        """Give the room back; tell whether there was any."""
        try:
            given = os.path.getsize(self._path) > 0
            os.truncate(self._path, 0)
        except OSError:
            return False
        return given
