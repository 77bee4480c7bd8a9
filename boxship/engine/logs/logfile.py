"""A log on disk: the file that conmon writes, and older ones that were rotated away."""

import os
from collections.abc import Iterator
from pathlib import Path

from boxship.engine.logs.line import DATA_START, is_stdout, is_whole

BLOCK_SIZE = 128 * 1024


class LogFile:
    """A log by the path that conmon was given.

    ``log`` is being written, ``log.1`` is the youngest of those before it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def rotated(self, number: int) -> Path:
        """Return the path of an older file; 1 is the youngest."""
        return self.path.with_name(f"{self.path.name}.{number}")

    def older(self) -> list[Path]:
        """Return the rotated files that exist, the youngest first."""
        found = []
        number = 1
        while (path := self.rotated(number)).exists():
            found.append(path)
            number += 1
        return found

    def files(self) -> list[Path]:
        """Return all files that exist, the youngest first."""
        return [path for path in (self.path, *self.older()) if path.exists()]

    def size(self) -> int:
        """Return the bytes of the file that is being written."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def rotate(self, keep: int) -> None:
        """Rename the current file away and drop all but ``keep`` files, the new one included.

        The writer goes on in the renamed file until it is told to reopen the path.
        """
        older = self.older()
        for number in range(len(older), 0, -1):
            path = self.rotated(number)
            if number >= keep - 1:
                path.unlink(missing_ok=True)
            else:
                path.rename(self.rotated(number + 1))
        if keep > 1:
            self.path.rename(self.rotated(1))
        else:
            self.path.unlink()

    def remove(self) -> None:
        """Delete all of it."""
        for path in (*self.older(), self.path):
            path.unlink(missing_ok=True)


def tail_start(path: Path, lines: int, *, stdout: bool, stderr: bool) -> tuple[int, int]:
    """Find where the last ``lines`` wanted lines of a file begin, from its end.

    Returns (offset, how many lines are still missing when the file holds fewer). Parts of a line
    count as one with its end.
    """
    missing = lines
    first = os.stat(path).st_size
    seen = {True: False, False: False}
    for offset, whole, is_out in _backwards(path):
        if not (stdout if is_out else stderr):
            continue
        if whole or not seen[is_out]:  # the end of a line, or of what is there of it
            if missing == 0:
                return first, 0
            missing -= 1
        seen[is_out] = True
        first = offset
    return (0 if missing else first), missing


def _backwards(path: Path) -> Iterator[tuple[int, bool, bool]]:
    """Yield (offset, whether whole, whether stdout) of the lines of a file, the last one first."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        rest = b""
        while end > 0:
            start = max(0, end - BLOCK_SIZE)
            file.seek(start)
            data = file.read(end - start) + rest
            first = 0 if start == 0 else data.find(b"\n") + 1
            if start and first == 0:
                rest, end = data, start  # a line longer than the block
                continue
            yield from _lines_backwards(data, first, start)
            rest, end = data[:first], start


def _lines_backwards(data: bytes, first: int, base: int) -> Iterator[tuple[int, bool, bool]]:
    end = len(data)
    while end > first:
        start = data.rfind(b"\n", first, end - 1) + 1
        start = max(start, first)
        if end - start > DATA_START:
            yield base + start, is_whole(data, start), is_stdout(data, start)
        end = start
