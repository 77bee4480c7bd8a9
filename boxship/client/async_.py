"""The asyncio client: the same calls as ``blocking``, for programs that already run a loop."""

import asyncio
import socket
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, Self

from boxship.client import jsontext
from boxship.client.core import API_VERSION, Call, LineDecoder, error_of, older_version
from boxship.client.endpoint import Endpoint
from boxship.client.errors import ConnectionFailedError, DaemonError
from boxship.client.ssh_transport import ssh_command
from boxship.client.tls_transport import tls_context
from boxship.client.transports import unreachable
from boxship.wire import http1

_READ_SIZE = 65536
_LOST = "the connection to the engine was lost: {reason}; see the daemon's log"


class _Connection:
    """A pair of streams and the bytes that were read from it too early."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.buffer = bytearray()

    async def send(self, call: Call, head: bytes) -> None:
        """Send a request. A peer that closes early may still have answered: that is no error."""
        self.writer.write(head)
        await self.writer.drain()
        if not call.is_streamed or call.body is None or isinstance(call.body, bytes):
            return
        try:
            async for piece in _pieces(call.body):
                self.writer.write(http1.encode_chunk(piece))
                await self.writer.drain()
            self.writer.write(http1.LAST_CHUNK)
        except (BrokenPipeError, ConnectionResetError):
            pass

    async def fill(self) -> bool:
        """Wait for bytes; False at the peer's end."""
        data = await self.reader.read(_READ_SIZE)
        self.buffer += data
        return bool(data)


async def _pieces(body: Any) -> AsyncIterator[bytes]:
    """The body's blocks, whether they come from a plain or an asynchronous iterable."""
    if isinstance(body, AsyncIterable):
        async for piece in body:
            yield piece
        return
    for piece in body:
        yield piece


class AsyncResponse:
    """A response whose body is still to be read; close it, or use it in ``async with``."""

    def __init__(
        self,
        client: "AsyncClient",
        connection: _Connection,
        head: http1.ResponseHead,
        method: str,
    ) -> None:
        self._client = client
        self._connection = connection
        self._decoder = http1.BodyDecoder(head, method, connection.buffer)
        self.head = head

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def read(self) -> bytes:
        """Wait for the next bytes of the body; ``b""`` at its end."""
        try:
            while not (data := self._decoder.take()) and not self._decoder.done:
                if not await self._connection.fill():
                    self._decoder.end_of_input()
            return data
        except (OSError, http1.ProtocolError) as error:
            raise ConnectionFailedError(_LOST.format(reason=error)) from error

    async def read_all(self) -> bytes:
        """The whole rest of the body; the connection is free afterwards."""
        pieces = [piece async for piece in self]
        self.close()
        return b"".join(pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self.read():
            yield data

    async def lines(self) -> AsyncIterator[Any]:
        """The JSON values of a streamed body, each as soon as it has arrived."""
        decoder = LineDecoder()
        try:
            async for data in self:
                for value in decoder.feed(data):
                    yield value
            for value in decoder.finish():
                yield value
        finally:
            self.close()

    def into_raw(self) -> "AsyncRawStream":
        """The connection itself, after the head of a call with ``upgrade``."""
        return AsyncRawStream(self._connection, self.head)

    def close(self) -> None:
        """Give the connection back when the body was read to its end, else close it."""
        if self._decoder.reusable and self.head.keeps_alive:
            self._client.keep(self._connection)
        else:
            self._connection.writer.close()


class AsyncRawStream:
    """A hijacked connection: bytes in both directions (a ``boxship.wire.duplex.Duplex``)."""

    def __init__(self, connection: _Connection, head: http1.ResponseHead) -> None:
        self._connection = connection
        self.head = head

    async def read(self) -> bytes:
        """Wait for bytes; ``b""`` at the peer's end."""
        if self._connection.buffer:
            data = bytes(self._connection.buffer)
            self._connection.buffer.clear()
            return data
        return await self._connection.reader.read(_READ_SIZE)

    async def write(self, data: bytes | memoryview) -> None:
        """Send all of data. Raises ConnectionError when the peer is gone."""
        self._connection.writer.write(data)
        await self._connection.writer.drain()

    def write_eof(self) -> None:
        """Close the sending direction only, where the transport can (TLS cannot)."""
        if self._connection.writer.can_write_eof():
            self._connection.writer.write_eof()

    def close(self) -> None:
        """Close both directions."""
        self._connection.writer.close()


class AsyncClient:
    """Calls operations of one engine; any number at the same time.

    api_version: pinned version; empty speaks the newest known and falls back by itself.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        api_version: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.api_version = api_version or API_VERSION
        self._pinned = bool(api_version)
        self._answered = False
        self._headers = dict(headers or {})
        self._idle: list[_Connection] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            writer = self._idle.pop().writer
            writer.close()
            try:
                await writer.wait_closed()
            except OSError:  # it was closed already
                pass

    def keep(self, connection: _Connection) -> None:
        """Take back a connection that can carry another request."""
        self._idle.append(connection)

    async def json(self, call: Call) -> Any:
        """The response's JSON document; None when it has no body."""
        body = await (await self.response(call)).read_all()
        return jsontext.loads(body) if body else None

    async def run(self, call: Call) -> None:
        """Carry out a call whose response says nothing more."""
        await (await self.response(call)).read_all()

    async def lines(self, call: Call) -> AsyncIterator[Any]:
        """The JSON values of a streamed response."""
        response = await self.response(call)
        async for value in response.lines():
            yield value

    async def hijack(self, call: Call) -> AsyncRawStream:
        """Carry out a call with ``upgrade``; the stream is the caller's to close."""
        return (await self.response(call)).into_raw()

    async def response(self, call: Call) -> AsyncResponse:
        """Carry out a call up to the response's head."""
        if call.is_streamed and not self._answered:  # it could not be sent again
            await self.run(Call("GET", "/_ping"))
        spoken = self.api_version
        try:
            response = await self._first_head(call)
        except DaemonError:
            if spoken == self.api_version or call.is_streamed:
                raise
            response = await self._first_head(call)
        self._answered = True
        return response

    async def _first_head(self, call: Call) -> AsyncResponse:
        """Send, wait; once more when a kept connection turns out to be closed."""
        if self._idle and not call.is_streamed:
            try:
                return await self._attempt(call, self._idle.pop())
            except ConnectionFailedError:
                pass
        return await self._attempt(call, await self._open())

    async def _open(self) -> _Connection:
        try:
            return _Connection(*await open_streams(self.endpoint))
        except OSError as error:
            raise ConnectionFailedError(unreachable(self.endpoint, error)) from error

    async def _attempt(self, call: Call, connection: _Connection) -> AsyncResponse:
        prefix = f"{self.endpoint.base_path}/v{self.api_version}"
        encoded = call.encode(prefix, self.endpoint.http_host, self._headers)
        try:
            await connection.send(call, encoded)
            head = await _wait_head(connection)
        except (OSError, http1.ProtocolError) as error:
            connection.writer.close()
            raise ConnectionFailedError(_LOST.format(reason=error)) from error
        except BaseException:
            connection.writer.close()
            raise
        response = AsyncResponse(self, connection, head, call.method)
        if head.status < 400:
            return response
        refusal = error_of(head, await response.read_all())
        older = None if self._pinned else older_version(refusal, head, self.api_version)
        self.api_version = older or self.api_version
        raise refusal


async def _wait_head(connection: _Connection) -> http1.ResponseHead:
    while True:
        head = http1.take_head(connection.buffer)
        if head is None:
            if not await connection.fill():
                raise http1.ProtocolError("it closed the connection without an answer")
        elif head.status >= 200 or head.status == 101:
            return head


async def open_streams(
    endpoint: Endpoint,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to an endpoint. Raises OSError."""
    if endpoint.scheme == "unix":
        return await asyncio.open_unix_connection(endpoint.address)
    if endpoint.scheme == "tcp":
        context = tls_context(endpoint.tls) if endpoint.tls else None
        return await asyncio.open_connection(endpoint.address, endpoint.port, ssl=context)
    ours, theirs = socket.socketpair()
    with theirs:
        await asyncio.create_subprocess_exec(
            *ssh_command(endpoint),
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            start_new_session=True,
        )
    return await asyncio.open_connection(sock=ours)
