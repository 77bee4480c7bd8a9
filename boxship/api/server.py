"""The API server: accepts on listening sockets and serves every connection in a task of its own."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boxship import __version__
from boxship.api.channel import Channel, RawConnection
from boxship.api.connection import HttpConnection
from boxship.api.response import Headers
from boxship.api.router import Router
from boxship.api.versions import MAX_API_VERSION, MIN_API_VERSION, ApiVersion

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


class ApiServer:
    """Serves the Docker Engine API of one engine on any number of listeners."""

    def __init__(
        self,
        engine: "Engine",
        *,
        router: Router | None = None,
        facts: ServerFacts | None = None,
        http2: RawHandler | None = None,
        observe: Observer = _ignore,
    ) -> None:
        """``http2`` takes over connections that open with HTTP/2's preface (gRPC clients)."""
        self.engine = engine
        self.router = router or Router()
        self.facts = facts or ServerFacts()
        self.http2 = http2
        self.observe = observe
        self.closing = False
        self._listeners: list[asyncio.Server] = []
        self._connections: dict[asyncio.Task[None], HttpConnection] = {}

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
