"""The HTTP server: accepts on listening sockets, serves every connection in a task of its own."""

import asyncio
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boxship import __version__
from boxship.api.channel import Channel, RawConnection
from boxship.api.connection import HttpConnection
from boxship.api.errors import error_response, log_failure
from boxship.api.request import Request
from boxship.api.response import Headers, Response
from boxship.api.router import Router
from boxship.api.versions import (
    MAX_API_VERSION,
    MIN_API_VERSION,
    ApiVersion,
    check_version,
    split_version,
)

if TYPE_CHECKING:
    import ssl

    from boxship.engine import Engine

_log = logging.getLogger(__name__)

RawHandler = Callable[[RawConnection], Awaitable[None]]
Observer = Callable[[str, int, float], None]
"""Called after each request: operation name (or empty), status (0: none sent), seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What the daemon tells handlers about itself; swapped whole at a reload."""

    min_api_version: ApiVersion = MIN_API_VERSION
    debug: bool = False
    experimental: bool = False
    warnings: tuple[str, ...] = ()
    """Lines for ``docker info``, such as an API that is reachable without encryption."""


def _ignore(_operation: str, _status: int, _seconds: float) -> None:
    """Observe nothing."""


class HttpServer(ABC):
    """Accepts on any number of listeners; what requests mean is for those who derive from it."""

    def __init__(self, http2: RawHandler | None = None) -> None:
        """``http2`` takes over connections that open with HTTP/2's preface (gRPC clients)."""
        self.http2 = http2
        self.facts = ServerFacts()
        self.closing = False
        self._listeners: list[asyncio.Server] = []
        self._connections: dict[asyncio.Task[None], HttpConnection] = {}

    @property
    @abstractmethod
    def common_headers(self) -> Headers:
        """Headers of every answer."""

    @abstractmethod
    def answer(self, request: Request) -> Awaitable[Response | None]:
        """Find the handler and return its call; ``request.follows`` is settled when it returns."""

    @abstractmethod
    def error_response(self, error: BaseException) -> Response:
        """Turn a handler's error into an answer."""

    @abstractmethod
    def failed(self, request: Request, error: Exception) -> None:
        """Write to the log what deserves it."""

    @abstractmethod
    def answered(self, request: Request, status: int, seconds: float, sent: int) -> None:
        """Take note of an answer; status 0: none was sent. sent: bytes of its body."""

    async def listen(self, sock: socket.socket, tls: "ssl.SSLContext | None" = None) -> None:
        """Serve a bound socket; connections are accepted when this returns."""
        loop = asyncio.get_running_loop()
        sock.setblocking(False)
        factory = self._channel_factory(tls)
        if sock.family == socket.AF_UNIX:
            listener = await loop.create_unix_server(factory, sock=sock, backlog=1024)
        else:
            listener = await loop.create_server(factory, sock=sock, backlog=1024)
        self._listeners.append(listener)

    async def close(self, grace_s: float = 5.0) -> None:
        """Stop accepting, let running requests end within ``grace_s``, then cancel them."""
        self.closing = True
        for listener in self._listeners:
            listener.close()
        for task, connection in self._connections.items():
            if not connection.must_finish:
                task.cancel()
        await self._wait_connections(grace_s)
        for task in self._connections:
            task.cancel()
        await self._wait_connections(grace_s)

    async def _wait_connections(self, timeout_s: float) -> None:
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=timeout_s)

    def _channel_factory(self, tls: "ssl.SSLContext | None") -> Callable[[], Channel]:
        if tls is None:
            return lambda: Channel(self._connected)
        from boxship.api.tls import TlsChannel

        return lambda: TlsChannel(self._connected, tls)

    def _connected(self, channel: Channel) -> None:
        connection = HttpConnection(channel, self)
        task = asyncio.get_running_loop().create_task(connection.run())
        self._connections[task] = connection
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._connections[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a connection failed", exc_info=error)


class ApiServer(HttpServer):
    """Serves the Docker Engine API of one engine."""

    def __init__(
        self,
        engine: "Engine",
        *,
        router: Router | None = None,
        facts: ServerFacts | None = None,
        http2: RawHandler | None = None,
        observe: Observer = _ignore,
    ) -> None:
        super().__init__(http2)
        self.engine = engine
        self.router = router or Router()
        self.facts = facts or ServerFacts()
        self.observe = observe

    @property
    def common_headers(self) -> Headers:
        """Headers of every answer."""
        experimental = "true" if self.facts.experimental else "false"
        return (
            ("Api-Version", str(MAX_API_VERSION)),
            ("Docker-Experimental", experimental),
            ("Ostype", "linux"),
            ("Server", f"Boxship/{__version__} (linux)"),
        )

    def answer(self, request: Request) -> Awaitable[Response | None]:
        """Call the operation's handler, in a version that is served."""
        version_text, request.path = split_version(request.path)
        if request.method == "OPTIONS":
            return _nothing()
        match = self.router.match(request.method, request.path)
        request.version = check_version(version_text, self.facts.min_api_version)
        request.operation, request.params = match
        request.follows = match.operation.follows
        return self.router.handler(match.operation)(request, self.engine)

    def error_response(self, error: BaseException) -> Response:
        """Answer as Docker does."""
        return error_response(error)

    def failed(self, request: Request, error: Exception) -> None:
        """Log a traceback for the unexpected, a line for our own."""
        log_failure(error, request.method, request.path)

    def answered(self, request: Request, status: int, seconds: float, _sent: int) -> None:
        """Pass it on to the observer."""
        self.observe(request.operation.name if request.operation else "", status, seconds)


async def _nothing() -> Response:
    return Response(200)
