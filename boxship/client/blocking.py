"""The blocking client: raw sockets, no asyncio. The command line and Compose use it.

A ``Client`` belongs to one thread; it keeps connections alive and opens more when several calls
are under way. Failures are ``boxship.client.errors``.
"""

from boxship.client import jsontext, transports
from boxship.client.core import API_VERSION, Call, LineDecoder, error_of, older_version
from boxship.client.errors import ConnectionFailedError, DaemonError
from boxship.wire import http1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from boxship.client.endpoint import Endpoint
    from boxship.client.transports import Transport

    Connect = Callable[[Endpoint], Transport]

_READ_SIZE = 65536
_LOST = "the connection to the engine was lost: {reason}; see the daemon's log"


class _Connection:
    """A transport and the bytes that were read from it too early."""

    __slots__ = ("buffer", "transport")

    def __init__(self, transport: "Transport") -> None:
        self.transport = transport
        self.buffer = bytearray()

    def send(self, call: Call, head: bytes) -> None:
        """Send a request. A peer that closes early may still have answered: that is no error."""
        self.transport.sendall(head)
        if not call.is_streamed or call.body is None or isinstance(call.body, bytes):
            return
        try:
            for piece in call.body:
                self.transport.sendall(http1.encode_chunk(piece))
            self.transport.sendall(http1.LAST_CHUNK)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def fill(self) -> bool:
        """Wait for bytes; False at the peer's end."""
        data = self.transport.recv(_READ_SIZE)
        self.buffer += data
        return bool(data)


class Response:
    """A response whose body is still to be read; close it, or use it in a ``with`` block."""

    __slots__ = ("_client", "_connection", "_decoder", "head")

    def __init__(
        self, client: "Client", connection: _Connection, head: http1.ResponseHead, method: str
    ) -> None:
        self._client = client
        self._connection = connection
        self._decoder = http1.BodyDecoder(head, method, connection.buffer)
        self.head = head

    def __enter__(self) -> "Response":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self) -> bytes:
        """Wait for the next bytes of the body; ``b""`` at its end."""
        try:
            while not (data := self._decoder.take()) and not self._decoder.done:
                if not self._connection.fill():
                    self._decoder.end_of_input()
            return data
        except (OSError, http1.ProtocolError) as error:
            raise ConnectionFailedError(_LOST.format(reason=error)) from error

    def read_all(self) -> bytes:
        """The whole rest of the body; the connection is free afterwards."""
        pieces = list(self)
        self.close()
        return b"".join(pieces)

    def __iter__(self) -> "Iterator[bytes]":
        while data := self.read():
            yield data

    def lines(self) -> "Iterator[Any]":
        """The JSON values of a streamed body, each as soon as it has arrived."""
        decoder = LineDecoder()
        for data in self:
            yield from decoder.feed(data)
        yield from decoder.finish()
        self.close()

    def fileno(self) -> int:
        """The descriptor, for poll; bytes may already wait in memory (see ``has_buffered``)."""
        return self._connection.transport.fileno()

    @property
    def has_buffered(self) -> bool:
        """Whether read would return without waiting for the descriptor."""
        return bool(self._connection.buffer) or self._decoder.done

    def into_raw(self) -> "RawStream":
        """The connection itself, after the head of a call with ``upgrade``."""
        return RawStream(self._connection, self.head)

    def close(self) -> None:
        """Give the connection back when the body was read to its end, else close it."""
        if self._decoder.reusable and self.head.keeps_alive:
            self._client.keep(self._connection)
        else:
            self._connection.transport.close()


class RawStream:
    """A hijacked connection: bytes in both directions, no HTTP any more."""

    __slots__ = ("_connection", "head")

    def __init__(self, connection: _Connection, head: http1.ResponseHead) -> None:
        self._connection = connection
        self.head = head

    @property
    def is_multiplexed(self) -> bool | None:
        """Whether the engine says that the bytes are stdcopy frames; None when it says nothing."""
        kind = self.head.headers.get("content-type", "")
        return None if "docker" not in kind else kind.endswith("multiplexed-stream")

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self._connection.transport.fileno()

    def take_buffered(self) -> bytes:
        """Bytes that arrived together with the response head."""
        data = bytes(self._connection.buffer)
        self._connection.buffer.clear()
        return data

    def read(self) -> bytes:
        """Wait for bytes; ``b""`` at the peer's end."""
        return self.take_buffered() or self._connection.transport.recv(_READ_SIZE)

    def write(self, data: bytes) -> None:
        """Send all of data. Raises OSError when the peer is gone."""
        self._connection.transport.sendall(data)

    def shutdown_write(self) -> None:
        """Close the sending direction only."""
        self._connection.transport.shutdown_write()

    def close(self) -> None:
        """Close both directions."""
        self._connection.transport.close()


class Exchange:
    """A request that was sent and whose response is not read yet."""

    __slots__ = ("_call", "_client", "_connection")

    def __init__(self, client: "Client", connection: _Connection, call: Call) -> None:
        self._client = client
        self._connection = connection
        self._call = call

    def fileno(self) -> int:
        """The descriptor, for poll."""
        return self._connection.transport.fileno()

    def close(self) -> None:
        """Give up; the response will not be read."""
        self._connection.transport.close()

    def response(self) -> Response:
        """Wait for the head. Raises DaemonError for an error status."""
        try:
            head = self._wait_head()
        except (OSError, http1.ProtocolError) as error:
            self.close()
            raise ConnectionFailedError(_LOST.format(reason=error)) from error
        response = Response(self._client, self._connection, head, self._call.method)
        if head.status < 400:
            return response
        refusal = error_of(head, response.read_all())
        self._client.note_refusal(refusal, head)
        raise refusal

    def raw_stream(self) -> RawStream:
        """Wait for the head of a call with ``upgrade``. Raises DaemonError."""
        return self.response().into_raw()

    def _wait_head(self) -> http1.ResponseHead:
        connection = self._connection
        while True:
            head = http1.take_head(connection.buffer)
            if head is None:
                if not connection.fill():
                    raise http1.ProtocolError("it closed the connection without an answer")
            elif head.status >= 200 or head.status == 101:
                return head


class Client:
    """Calls operations of one engine.

    api_version: pinned version; empty speaks the newest known and falls back by itself.
    headers: sent with every request. connect: opens connections (the command line's starts a
    daemon when none runs).
    """

    def __init__(
        self,
        endpoint: "Endpoint",
        *,
        api_version: str = "",
        headers: "Mapping[str, str] | None" = None,
        connect: "Connect" = transports.connect,
    ) -> None:
        self.endpoint = endpoint
        self.api_version = api_version or API_VERSION
        self._pinned = bool(api_version)
        self._answered = False
        self._headers = dict(headers or {})
        self._connect = connect
        self._idle: list[_Connection] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().transport.close()

    def keep(self, connection: _Connection) -> None:
        """Take back a connection that can carry another request."""
        self._idle.append(connection)

    def json(self, call: Call) -> "Any":
        """The response's JSON document; None when it has no body."""
        body = self.response(call).read_all()
        return jsontext.loads(body) if body else None

    def run(self, call: Call) -> None:
        """Carry out a call whose response says nothing more."""
        self.response(call).read_all()

    def lines(self, call: Call) -> "Iterator[Any]":
        """The JSON values of a streamed response."""
        return self.response(call).lines()

    def hijack(self, call: Call) -> RawStream:
        """Carry out a call with ``upgrade``; the stream is the caller's to close."""
        return self.response(call).into_raw()

    def response(self, call: Call) -> Response:
        """Carry out a call up to the response's head."""
        if call.is_streamed and not self._answered:  # it could not be sent again
            self.run(Call("GET", "/_ping"))
        spoken = self.api_version
        try:
            response = self._first_head(call)
        except DaemonError:
            if spoken == self.api_version or call.is_streamed:
                raise
            response = self._first_head(call)
        self._answered = True
        return response

    def start(self, call: Call) -> Exchange:
        """Send a request and return at once, on a connection of its own."""
        return self._send(call, _Connection(self._connect(self.endpoint)))

    def note_refusal(self, error: DaemonError, head: http1.ResponseHead) -> None:
        """Remember an older version that the engine asked for by refusing ours."""
        older = None if self._pinned else older_version(error, head, self.api_version)
        if older:
            self.api_version = older

    def _encode(self, call: Call) -> bytes:
        endpoint = self.endpoint
        prefix = f"{endpoint.base_path}/v{self.api_version}"
        return call.encode(prefix, endpoint.http_host, self._headers)

    def _first_head(self, call: Call) -> Response:
        """Send, wait; once more when a kept connection turns out to be closed."""
        if self._idle and not call.is_streamed:
            try:
                return self._send(call, self._idle.pop()).response()
            except ConnectionFailedError:
                pass
        return self.start(call).response()

    def _send(self, call: Call, connection: _Connection) -> Exchange:
        try:
            connection.send(call, self._encode(call))
        except OSError as error:
            connection.transport.close()
            raise ConnectionFailedError(_LOST.format(reason=error)) from error
        return Exchange(self, connection, call)
