"""Bodies of requests that are too large for memory: read anew for each attempt."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Protocol

from boxship.engine.storage.errors import CorruptContentError

READ_SIZE = 1 << 18
"""Bytes that are read and sent at once."""


class Body(Protocol):
    """What is sent. ``size`` None: unknown until its end, hence sent in HTTP chunks."""

    size: int | None

    def open(self) -> Generator[bytes, None, None]:
        """Yield it from its beginning. [blocking]"""


class FileBody:
    """A part of a file.

    report: called with the bytes handed over so far, from the sending thread; what it raises ends
    the request.
    """

    def __init__(self, path: Path, offset: int, size: int, report: Callable[[int], object]) -> None:
        self.size: int | None = size
        self._path = path
        self._offset = offset
        self._length = size
        self._report = report

    def open(self) -> Generator[bytes, None, None]:
        """Yield the part. Raises CorruptContentError for a file that is too short."""
        with self._path.open("rb", buffering=0) as file:
            file.seek(self._offset)
            done = 0
            while done < self._length:
                self._report(done)
                chunk = file.read(min(READ_SIZE, self._length - done))
                if not chunk:
                    raise CorruptContentError(f"{self._path} is shorter than it should be")
                done += len(chunk)
                yield chunk
        self._report(done)
