"""Reading a container's log: all of it or its end, and what is still to come."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boxship.engine.logs.line import LogRecord, Parser, Selection
from boxship.engine.logs.logfile import BLOCK_SIZE, LogFile, tail_start
from boxship.linux.inotify import IN_CREATE, IN_MODIFY, IN_MOVED_TO, Inotify

__all__ = ["LogQuery", "LogRecord", "read_log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which part of a log is wanted; times in nanoseconds since the epoch, 0: no limit."""

    since_ns: int = 0
    until_ns: int = 0
    tail: int | None = None
    """Number of last lines; None: all."""
    follow: bool = False
    stdout: bool = True
    stderr: bool = True


async def read_log(
    path: Path, query: LogQuery, ended: "asyncio.Future[Any]"
) -> AsyncIterator[list[LogRecord]]:
    """Yield batches of records, oldest first, one block of the file at a time.

    With ``follow`` it goes on until ``ended`` is done and all that was written by then is read. A
    log that does not exist (yet) is empty.
    """
    parser = Parser(Selection(query.since_ns, query.until_ns, query.stdout, query.stderr))
    with _Cursor(path, follow=query.follow) as cursor:
        cursor.seek(query)
        while not parser.over:
            over = not query.follow or ended.done()
            while block := cursor.read():
                records = parser.feed(block)
                if records:
                    yield records
                await asyncio.sleep(0)
            if cursor.next_file():
                continue
            if records := parser.flush():
                yield records
            if over or not await cursor.wait_change(ended, query.until_ns):
                return


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a log: a file, which keeps its number when it is rotated, and bytes in it."""

    inode: int
    offset: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Records, and where the log goes on behind them; None in the middle of a line."""

    records: list[LogRecord]
    position: Position | None


async def follow_log(
    path: Path, start: Position | None, ended: "asyncio.Future[Any]"
) -> AsyncIterator[Batch]:
    """Yield what was written since ``start``, and goes on to be, until ``ended`` is done.

    A start that was rotated away begins with the oldest file that is left.
    """
    parser = Parser(Selection())
    with _Cursor(path, follow=True) as cursor:
        cursor.seek_position(start)
        while True:
            over = ended.done()
            while block := cursor.read():
                if records := parser.feed(block):
                    yield Batch(records, cursor.position(parser.unfinished))
                await asyncio.sleep(0)
            if cursor.next_file():
                continue
            if over or not await cursor.wait_change(ended, 0):
                break
        if records := parser.flush():
            yield Batch(records, cursor.position(parser.unfinished))


class _Cursor:
    """A place in a log, across its rotations."""

    def __init__(self, path: Path, *, follow: bool) -> None:
        self._log = LogFile(path)
        self._pending: Iterator[tuple[Path, int]] = iter(())
        self._file: int | None = None
        self._inotify = Inotify() if follow else None

    def __enter__(self) -> "_Cursor":
        return self

    def __exit__(self, *_: object) -> None:
        self._close_file()
        if self._inotify is not None:
            self._inotify.close()

    def seek(self, query: LogQuery) -> None:
        """Open the file in which the wanted records begin."""
        self._watch()
        self._pending = iter(_plan(self._log, query))
        self.next_file()

    def seek_position(self, start: Position | None) -> None:
        """Open the file that ``start`` is in."""
        self._watch()
        self._pending = iter(_plan_from(self._log, start))
        self.next_file()

    def position(self, unfinished: int | None) -> Position | None:
        """Return where what was read goes on, ``unfinished`` bytes back."""
        if self._file is None or unfinished is None:
            return None
        offset = os.lseek(self._file, 0, os.SEEK_CUR) - unfinished
        return Position(os.fstat(self._file).st_ino, offset)

    def _watch(self) -> None:
        if self._inotify is not None:
            # Before anything is read: what is written meanwhile must wake us.
            self._log.path.parent.mkdir(parents=True, exist_ok=True)
            self._inotify.add(self._log.path.parent, IN_MODIFY | IN_CREATE | IN_MOVED_TO)

    def read(self) -> bytes:
        """Return the next block, empty at the end of what is there."""
        return b"" if self._file is None else os.read(self._file, BLOCK_SIZE)

    def next_file(self) -> bool:
        """Go on to the next younger file, or to the one that has replaced the current one."""
        for path, offset in self._pending:
            if self._open(path, offset):
                return True
        if self._inotify is None or not self._is_replaced():
            return False
        # The writer has left the old file: first what it wrote there since we last looked.
        if self._file is not None and os.lseek(self._file, 0, os.SEEK_CUR) < (
            os.fstat(self._file).st_size
        ):
            return True
        return self._open(self._log.path, 0)

    async def wait_change(self, ended: "asyncio.Future[Any]", until_ns: int) -> bool:
        """Wait until the log has changed; False once it cannot any more, by end or by time."""
        if self._inotify is None:
            return False
        timeout = None
        if until_ns:
            timeout = max(0.0, (until_ns - time.time_ns()) / 1e9)
        changed = asyncio.ensure_future(self._inotify.wait())
        try:
            done, _ = await asyncio.wait(
                (changed, ended), timeout=timeout, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            changed.cancel()
        return bool(done)

    def _is_replaced(self) -> bool:
        try:
            current = self._log.path.stat()
        except FileNotFoundError:
            return False
        if self._file is None:
            return True
        mine = os.fstat(self._file)
        return (mine.st_dev, mine.st_ino) != (current.st_dev, current.st_ino)

    def _open(self, path: Path, offset: int) -> bool:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return False
        self._close_file()
        os.lseek(descriptor, offset, os.SEEK_SET)
        self._file = descriptor
        return True

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _plan(log: LogFile, query: LogQuery) -> list[tuple[Path, int]]:
    """Return the files to read, the oldest first, each with the offset to begin at."""
    files = log.files()
    if query.tail is None:
        return [(path, 0) for path in reversed(files)]
    plan: list[tuple[Path, int]] = []
    missing = query.tail
    for path in files:
        offset, missing = tail_start(path, missing, stdout=query.stdout, stderr=query.stderr)
        plan.insert(0, (path, offset))
        if missing == 0:
            break
    return plan


def _plan_from(log: LogFile, start: Position | None) -> list[tuple[Path, int]]:
    """Return the files from a position on, the oldest first."""
    plan: list[tuple[Path, int]] = []
    for path in log.files():
        status = path.stat()
        if start is not None and status.st_ino == start.inode and start.offset <= status.st_size:
            return [(path, start.offset), *plan]
        plan.insert(0, (path, 0))
    return plan
