"""A request as handlers see it, and the ways to answer it that are more than a finished body."""

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Final, TypeVar

from boxship.api.channel import RawConnection
from boxship.api.jsonbody import decode_json
from boxship.api.query import Query
from boxship.api.response import Headers
from boxship.api.streams import ResponseStream
from boxship.api.versions import ApiVersion
from boxship.errors import InvalidParameterError

if TYPE_CHECKING:
    from boxship.api.connection import HttpConnection
    from boxship.api.operations import Operation
    from boxship.api.server import ServerFacts

T = TypeVar("T")

MAX_JSON_BYTES: Final = 32 * 1024 * 1024
RAW_STREAM: Final = "application/vnd.docker.raw-stream"
MULTIPLEXED_STREAM: Final = "application/vnd.docker.multiplexed-stream"


class Request:
    """One request. ``path`` is decoded and without version prefix; header names are lower case."""

    __slots__ = (
        "_connection",
        "facts",
        "follows",
        "headers",
        "method",
        "operation",
        "params",
        "path",
        "query",
        "version",
    )

    def __init__(
        self,
        connection: "HttpConnection",
        method: str,
        path: str,
        query: Query,
        headers: dict[str, str],
    ) -> None:
        self._connection = connection
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.facts: ServerFacts = connection.facts
        self.params: dict[str, str] = {}
        self.version: ApiVersion
        self.operation: Operation | None = None
        self.follows = False
        """Whether the handler is cancelled when the client goes away."""

    # The body

    @property
    def has_body(self) -> bool:
        """Whether a body was announced (a length above 0, or chunks)."""
        return "transfer-encoding" in self.headers or self.headers.get("content-length", "0") != "0"

    def body(self) -> AsyncIterator[bytes]:
        """Return the body as it arrives; a reader that is slow holds the client back.

        Raises ConnectionError when the client leaves in the middle.
        """
        return self._connection.body()

    def raw_body(self) -> AsyncIterator[bytes]:
        """Return the body as it arrives, as ``body`` does; made for uploads of gigabytes.

        A handler that stops reading it before its end costs the client the connection.
        """
        return self._connection.raw_body()

    @property
    def encrypted(self) -> bool:
        """Whether the client came by TLS."""
        return self._connection.encrypted

    @property
    def peer(self) -> str:
        """The client's address and port; empty for a unix socket."""
        return self._connection.peer

    async def read_body(self, limit: int = MAX_JSON_BYTES) -> bytes:
        """Return a small body whole. Raises InvalidParameterError above ``limit`` bytes."""
        data = bytearray()
        async for chunk in self.body():
            data += chunk
            if len(data) > limit:
                raise InvalidParameterError(f"request body too large: the limit is {limit} bytes")
        return bytes(data)

    async def json(self, wanted: type[T], *, required: bool = False) -> T:
        """Decode the JSON body (see ``boxship.api.jsonbody``).

        An empty body gives ``wanted()``, or an error when it is ``required``. Raises
        InvalidParameterError with Docker's words, also for a wrong Content-Type.
        """
        self.check_json_type()
        if not self.has_body and not required:
            return wanted()
        return decode_json(await self.read_body(), wanted)

    def check_json_type(self) -> None:
        """Raise InvalidParameterError unless the Content-Type is JSON or there is no body."""
        content_type = self.headers.get("content-type", "")
        if not content_type and not self.has_body:
            return
        media_type = content_type.partition(";")[0].strip().lower()
        if not media_type:
            raise InvalidParameterError(
                f"malformed Content-Type header ({content_type}): mime: no media type"
            )
        if media_type != "application/json":
            raise InvalidParameterError(
                f"unsupported Content-Type header ({content_type}): must be 'application/json'"
            )

    # Answers that grow

    async def send_file(
        self,
        descriptor: int,
        offset: int,
        count: int,
        *,
        status: int = 200,
        content_type: str | None = None,
        headers: Headers = (),
    ) -> None:
        """Answer with a part of a file, at the speed of the kernel."""
        length = ("Content-Length", str(count))
        stream = ResponseStream(
            self._connection, status, content_type, (*headers, length), progress=False
        )
        self._connection.answer = stream
        await stream.start()
        if self.method != "HEAD":
            await self._connection.send_file(descriptor, offset, count)

    def stream(
        self,
        content_type: str,
        *,
        status: int = 200,
        headers: Headers = (),
        progress: bool = False,
    ) -> ResponseStream:
        """Answer with a body that is sent while it is made.

        ``progress``: JSON lines whose client expects a late error as one more line; without it a
        late error breaks the connection off, so that the client sees a truncated body.
        """
        stream = ResponseStream(self._connection, status, content_type, headers, progress)
        self._connection.answer = stream
        return stream

    @property
    def wants_upgrade(self) -> str:
        """The protocol named by the Upgrade header (``tcp``, ``h2c``, ``websocket``), or empty."""
        tokens = _tokens(self.headers.get("connection", ""))
        return self.headers.get("upgrade", "").strip().lower() if "upgrade" in tokens else ""

    async def hijack(self, content_type: str | None = None, headers: Headers = ()) -> RawConnection:
        """Leave HTTP: send the head and return the raw connection.

        With an Upgrade header the head is ``101 UPGRADED`` and names that protocol, else
        ``200 OK``. What the client sent behind its request is the first thing to be read.
        The connection is closed when the handler returns.
        """
        async for _ in self.body():
            pass
        return await self._connection.hijack(self.wants_upgrade, content_type, headers)


def _tokens(value: str) -> Iterable[str]:
    return [token.strip().lower() for token in value.split(",")]
