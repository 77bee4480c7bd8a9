"""A server with handlers of the test's own, and clients that speak in bytes."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from boxship.api.operations import Operation
from boxship.api.request import Request
from boxship.api.response import Response
from boxship.api.router import Router
from boxship.api.server import ApiServer, RawHandler

RowHandler = Callable[[Request, Any], Awaitable[Response | None]]


def router_of(rows: Mapping[str, RowHandler]) -> Router:
    """Build a router from ``{"POST /path": handler}``; a leading ``*`` sets ``follows``."""
    operations, handlers = [], {}
    for index, (row, handler) in enumerate(rows.items()):
        method, path = row.removeprefix("*").split()
        name = f"Test{index}"
        operations.append(Operation(name, method, path, "none", row.startswith("*")))
        handlers[name] = handler
    return Router(operations, handlers)


class RunningServer:
    """A running server and its unix socket."""

    def __init__(self, server: ApiServer, path: Path) -> None:
        self.server = server
        self.path = path

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        return await asyncio.open_unix_connection(str(self.path))

    async def exchange(self, sent: bytes) -> bytes:
        """Send bytes, end the sending side, return everything that comes back."""
        reader, writer = await self.connect()
        writer.write(sent)
        writer.write_eof()
        received = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return received

    async def idle(self) -> None:
        """Wait until all connections have ended."""
        async with asyncio.timeout(20):
            while tasks := list(self.server._connections):
                await asyncio.wait(tasks)

    async def get(self, path: str, method: str = "GET", headers: str = "") -> tuple[int, bytes]:
        """Send one request, return status and body."""
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"
        answer = await self.exchange(head.encode())
        head_bytes, _, body = answer.partition(b"\r\n\r\n")
        return int(head_bytes.split()[1]), body


@asynccontextmanager
async def serving(
    tmp_path: Path,
    rows: Mapping[str, RowHandler],
    *,
    engine: Any = None,
    http2: RawHandler | None = None,
) -> AsyncIterator[RunningServer]:
    """Run a server on a unix socket below ``tmp_path``."""
    path = tmp_path / "api.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    server = ApiServer(engine, router=router_of(rows), http2=http2)
    await server.listen(listener)
    try:
        yield RunningServer(server, path)
    finally:
        await server.close(grace_s=1)
