"""Uploads: bytes are hashed and written in a worker thread while the next ones arrive.

An upload is a file whose length is how far it is: nothing else has to be right after a kill, so it
goes on from there. The hash lives in memory only; what it has not seen is read again at the end.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from boxship.engine.registry.server.faults import (
    RangeInvalidError,
    TooLargeError,
    UploadInvalidError,
)
from boxship.engine.registry.server.files import Files, hash_file

BATCH: Final = 1024 * 1024
"""Bytes that one visit to a worker thread writes."""
_FLUSH_EVERY: Final = 64 * 1024 * 1024
"""Bytes after which the disk is set to work, long before the end waits for it."""


class Progress:
    """What is known in memory of one upload: its hash so far, and who is writing."""

    def __init__(self, path: Path, algorithm: str) -> None:
        self.path = path
        self.algorithm = algorithm
        self.hasher = hashlib.new(algorithm)
        self.hashed = 0
        self._writer: Writer | None = None
        self._finishing = False

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Let nobody else change the upload inside the block."""
        self.check_open()
        self._finishing = True
        try:
            yield
        finally:
            self._finishing = False

    def check_open(self) -> None:
        """Raise UploadInvalidError while another request makes a blob of the upload."""
        if self._finishing:
            raise UploadInvalidError("another request is finishing this upload")

    def size(self) -> int:
        """Return how many bytes are here."""
        return self.path.stat().st_size

    def use(self, algorithm: str) -> None:
        """Hash with another algorithm from now on."""
        if algorithm != self.algorithm:
            self.algorithm, self.hasher, self.hashed = algorithm, hashlib.new(algorithm), 0

    async def take_over(self) -> None:
        """End another request's writing: its client has come again, it will not go on there."""
        while (writer := self._writer) is not None:
            await writer.stop()
            if self._writer is writer:
                self._writer = None
        self.check_open()

    async def receive(self, body: AsyncIterator[bytes], files: Files, limit: int) -> None:
        """Append a body. limit: bytes that the whole blob may have; 0: any.

        What has arrived stays when the client leaves or the disk is full. Raises TooLargeError,
        NoSpaceError, UploadInvalidError (another request went on with the upload).
        """
        writer = self._writer = Writer(self, files, limit)
        try:
            await writer.run(body)
        finally:
            await asyncio.shield(writer.close())
            if self._writer is writer:
                self._writer = None

    def digest(self) -> str:
        """Return the digest of all that is here. [blocking]"""
        self.hashed = hash_file(self.path, self.hasher, self.hashed)
        return f"{self.algorithm}:{self.hasher.hexdigest()}"


class Writer:
    """One request's bytes on their way into the file."""

    def __init__(self, progress: Progress, files: Files, limit: int) -> None:
        self._progress = progress
        self._files = files
        self._limit = limit
        self._file = os.open(progress.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._offset = os.fstat(self._file).st_size
        self._flushed = self._offset
        self._stopped = False
        self._step: asyncio.Future[None] | None = None
        self._flush: asyncio.Future[None] | None = None

    async def run(self, body: AsyncIterator[bytes]) -> None:
        """Write all of the body; one batch is written while the next one is gathered."""
        batch: list[bytes] = []
        waiting = 0
        try:
            async for data in body:
                self._check(waiting + len(data))
                batch.append(data)
                waiting += len(data)
                if waiting >= BATCH:
                    await self._write(batch)
                    batch, waiting = [], 0
        finally:
            if batch and not self._stopped:
                await self._write(batch)
        await self._settle()
        if self._flush is not None:
            await asyncio.shield(self._flush)

    async def stop(self) -> None:
        """Write nothing more; returns when the file is left alone."""
        self._stopped = True
        await self.close()

    async def close(self) -> None:
        """Wait for the worker threads and let go of the file."""
        pending = {future for future in (self._step, self._flush) if future is not None}
        if pending:
            await asyncio.wait(pending)
            _ = [future.exception() for future in pending]  # whoever waited for them knows
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _check(self, more: int) -> None:
        if self._stopped:
            raise UploadInvalidError("another request went on with this upload")
        if self._limit and self._offset + more > self._limit:
            raise TooLargeError(
                f"the blob is larger than the {self._limit} bytes that this registry takes"
            )

    async def _write(self, batch: list[bytes]) -> None:
        await self._settle()
        self._check(0)
        loop = asyncio.get_running_loop()
        self._step = loop.run_in_executor(None, self._append, batch)
        flushing = self._flush is not None and not self._flush.done()
        if not flushing and self._offset - self._flushed >= _FLUSH_EVERY:
            self._flushed = self._offset
            self._flush = loop.run_in_executor(None, os.fdatasync, self._file)

    async def _settle(self) -> None:
        if self._step is not None:
            step, self._step = self._step, None
            await asyncio.shield(step)

    def _append(self, batch: list[bytes]) -> None:
        """Write a batch whole or not at all, and hash it. [in a worker thread]"""
        try:
            with self._files.disk_errors():
                _write_all(self._file, batch)
        except BaseException:
            os.ftruncate(self._file, self._offset)
            raise
        progress = self._progress
        in_order = progress.hashed == self._offset
        for data in batch:
            self._offset += len(data)
            if in_order:
                progress.hasher.update(data)
                progress.hashed += len(data)


def _write_all(descriptor: int, batch: list[bytes]) -> None:
    for data in batch:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]


def check_start(start: int | None, size: int) -> None:
    """Raise RangeInvalidError unless a piece that begins at ``start`` follows on ``size`` bytes."""
    if start is not None and start != size:
        raise RangeInvalidError(
            f"the piece begins at byte {start}, but the upload is at byte {size}: ask for its "
            "state with GET and go on from there",
            {"offset": size},
        )
