"""Answers whose body is sent while it is made."""

from typing import Protocol

import msgspec

from boxship.api.errors import stream_error_line
from boxship.api.response import Headers

_encode = msgspec.json.Encoder().encode


class StreamSink(Protocol):
    """What a stream needs from its connection."""

    async def send_head(self, status: int, content_type: str | None, headers: Headers) -> None:
        """Send status and headers; the body follows in chunks."""

    async def send_data(self, data: bytes | memoryview) -> None:
        """Send a piece of the body at once, waiting for a slow client."""

    async def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Send a part of a file as a piece of the body."""

    async def send_end(self) -> None:
        """End the body."""


class ResponseStream:
    """The body of an answer, written piece by piece; every piece is sent at once.

    Until the first write nothing is sent: an error raised before it is still a plain HTTP error.
    Writes raise ConnectionError once the client is gone.
    """

    __slots__ = (
        "_content_type",
        "_headers",
        "_line_end",
        "_sink",
        "_status",
        "progress",
        "started",
    )

    def __init__(
        self,
        sink: StreamSink,
        status: int,
        content_type: str | None,
        headers: Headers,
        progress: bool,
    ) -> None:
        self._sink = sink
        self._status = status
        self._content_type = content_type
        self._headers = headers
        self._line_end = b"\r\n" if progress else b"\n"
        self.progress = progress
        self.started = False

    async def start(self) -> None:
        """Send the head now, for answers that begin long before their first byte."""
        if not self.started:
            self.started = True
            await self._sink.send_head(self._status, self._content_type, self._headers)

    async def write(self, data: bytes | memoryview) -> None:
        """Send a piece of the body."""
        if not self.started:
            await self.start()
        if data:
            await self._sink.send_data(data)

    async def write_file(self, descriptor: int, size: int) -> None:
        """Send the first ``size`` bytes of a file, at the speed of the kernel."""
        await self.start()
        if size:
            await self._sink.send_file(descriptor, 0, size)

    async def write_json(self, document: object) -> None:
        """Send a document as one line (CR LF at its end in progress streams, as Docker does)."""
        await self.write(_encode(document) + self._line_end)

    async def finish(self) -> None:
        """End the body; the server calls this when the handler returns."""
        await self.start()
        await self._sink.send_end()

    async def fail(self, error: BaseException) -> bool:
        """Report an error after the head; False if this body has no place for it."""
        if not self.progress:
            return False
        await self.write(stream_error_line(error))
        await self._sink.send_end()
        return True
