"""A blob on its way from another registry: stored, and served while it arrives."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from boxship.engine.registry.client import Repository
from boxship.engine.registry.errors import RegistryError, UnreachableError
from boxship.engine.registry.server.faults import UpstreamError
from boxship.engine.registry.server.files import Files

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

_CHUNK: Final = 1024 * 1024
_ATTEMPTS: Final = 4


class Download:
    """One fetch, for as many clients as want it. Made in the event loop.

    size: bytes that its home has announced.
    """

    def __init__(
        self, files: Files, path: Path, source: Repository, digest: str, answer: "BaseHTTPResponse"
    ) -> None:
        """Raises UpstreamError for an answer that does not say how long it is."""
        length = answer.headers.get("Content-Length", "")
        if not length.isdecimal():
            answer.close()
            raise UpstreamError(f"{source.reference.domain} does not say how large {digest} is")
        self.size = int(length)
        self.path = path
        self._files = files
        self._source = source
        self._digest = digest
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._offset = 0
        self._complete = False
        self._failure = ""
        self._moved: asyncio.Future[None] = self._loop.create_future()
        path.touch(0o600)

    def open(self) -> int:
        """Open what is there for reading; whoever called closes it."""
        return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    async def read(self, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield a part as it arrives; the very last byte only once the digest was right.

        Raises ConnectionAbortedError when the fetch fails: who has begun to send an answer can
        only break it off.
        """
        end = start + length
        descriptor = self.open()
        try:
            while start < end:
                there = self._offset if self._complete else min(self._offset, self.size - 1)
                size = min(end, there, start + _CHUNK) - start
                if size > 0:
                    data = await asyncio.to_thread(os.pread, descriptor, size, start)
                    start += len(data)
                    yield data
                elif self._failure:
                    raise ConnectionAbortedError(self._failure)
                else:
                    await asyncio.shield(self._moved)
        finally:
            os.close(descriptor)

    def fetch(self) -> None:
        """Fetch all of it and check it. [in a worker thread]

        Raises UpstreamError, NoSpaceError.
        """
        hasher = hashlib.new(self._digest.partition(":")[0])
        with self.path.open("wb", buffering=0) as file:
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    self._copy(file.fileno(), hasher)
                    break
                except (RegistryError, UnreachableError) as error:
                    if attempt == _ATTEMPTS:
                        raise UpstreamError(str(error)) from error
        found = f"{self._digest.partition(':')[0]}:{hasher.hexdigest()}"
        if found != self._digest:
            raise UpstreamError(f"what {self._source.reference.domain} sent has digest {found}")

    def _copy(self, target: int, hasher: "hashlib._Hash") -> None:
        from urllib3.exceptions import HTTPError

        answer = self._answer
        if answer.closed:
            answer = self._answer = self._source.open_blob(self._digest, self._offset)
            if self._offset and answer.status != 206:
                raise RegistryError(answer.status, "", "the download cannot be resumed")
        try:
            while self._offset < self.size and (data := answer.read1(_CHUNK)):
                hasher.update(data)
                with self._files.disk_errors():
                    os.write(target, data)
                self._offset += len(data)
                self._loop.call_soon_threadsafe(self._wake)
        except (HTTPError, OSError, ValueError) as error:
            raise UnreachableError(f"the connection broke: {error}") from error
        finally:
            answer.close()
        if self._offset != self.size:
            raise UnreachableError(f"the connection broke after {self._offset} bytes")

    def complete(self) -> None:
        """Let the readers have the rest."""
        self._complete = True
        self._wake()

    def fail(self, error: BaseException) -> None:
        """Break off the readers' answers."""
        self._failure = f"the blob could not be fetched: {error}"
        self._wake()

    def _wake(self) -> None:
        moved, self._moved = self._moved, self._loop.create_future()
        moved.set_result(None)
