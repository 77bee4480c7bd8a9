"""Byte channels: what a connection is once the socket is accepted.

``Channel`` is an asyncio protocol with an awaitable face: read with bounded buffering, write with
back-pressure, each direction closed on its own. ``RawConnection`` is what a handler gets that has
taken a connection over: the same channel, the bytes first that had already arrived.
"""

import asyncio
import os
import select
import socket as sockets
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, cast

_READ_HIGH: Final = 1024 * 1024
"""Bytes that may wait unread before the kernel's buffer has to hold the rest."""
_READ_LOW: Final = 256 * 1024
_WRITE_HIGH: Final = 1024 * 1024
_FILE_STEP: Final = 8 * 1024 * 1024
"""Bytes of a file that one visit to a worker thread sends at most."""
_FILE_TAIL: Final = 64 * 1024
_FILE_PATIENCE_MS: Final = 20
"""How long that visit waits for a client that reads slowly; afterwards the loop waits."""
_STALL_S: Final = 300.0
"""A client that takes nothing of a file for so long has gone."""


class Channel(asyncio.Protocol):
    """A connected byte stream over a plain socket."""

    encrypted = False

    def __init__(self, on_connected: Callable[["Channel"], None]) -> None:
        self._on_connected = on_connected
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._eof = False
        self._reader: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._read_paused = False
        self._write_paused = False
        self._hangup: select.epoll | None = None
        self._loop = asyncio.get_running_loop()
        self.disconnected: asyncio.Future[None] = self._loop.create_future()
        """Done once the peer can neither send nor receive any more."""
        self.gone: asyncio.Future[None] = self._loop.create_future()
        """Done once the peer has most likely left: disconnected, or its input ended on a socket
        that cannot tell a half-close from a full one (TCP)."""

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport and tell the server."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH)
        self._on_connected(self)

    def data_received(self, data: bytes) -> None:
        """Queue bytes for ``read``; stop the socket when too many wait."""
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered >= _READ_HIGH and not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()
        self._wake_reader()

    def eof_received(self) -> bool:
        """Keep the other direction open: a client's shutdown(SHUT_WR) is only an end of input."""
        self._eof = True
        self._wake_reader()
        if self.socket.family == sockets.AF_UNIX:
            self._watch_hangup()
        else:
            _finish(self.gone)
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        """Wake everyone: reads see the end, writes fail."""
        self._eof = True
        self._wake_reader()
        self._set_disconnected()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Make ``write`` wait."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Let ``write`` go on."""
        self._write_paused = False
        if self._writable is not None:
            _finish(self._writable)

    # What the server and the handlers call

    async def read(self) -> bytes:
        """Return the next bytes, up to 256 KiB; ``b""`` when the peer has ended its side."""
        while not self._chunks:
            if self._eof:
                return b""
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = self._chunks.popleft()
        self._buffered -= len(data)
        if self._read_paused and self._buffered <= _READ_LOW:
            self._read_paused = False
            self._transport.resume_reading()
        return data

    def unread(self, data: bytes) -> None:
        """Put bytes back in front of the queue."""
        if data:
            self._chunks.appendleft(data)
            self._buffered += len(data)

    async def write(self, data: bytes | memoryview) -> None:
        """Send bytes; waits while more than 1 MiB is unsent. ConnectionError: the peer is gone."""
        self.write_nowait(data)
        while self._write_paused:
            self._writable = self._loop.create_future()
            try:
                await self._writable
            finally:
                self._writable = None
            self._check_open()

    def write_nowait(self, data: bytes | memoryview) -> None:
        """Send bytes without waiting; for small answers."""
        self._check_open()
        self._transport.write(data)

    def write_eof(self) -> None:
        """End the sending side after what was written; reading goes on."""
        if not self._transport.is_closing():
            self._transport.write_eof()

    def close(self) -> None:
        """Send what is queued, then end both directions."""
        self._transport.close()

    def abort(self) -> None:
        """End both directions at once; unsent bytes are dropped."""
        self._transport.abort()

    @property
    def input_ended(self) -> bool:
        """Whether the peer's input has ended and has all been read."""
        return self._eof and not self._chunks

    @property
    def peer(self) -> str:
        """The peer's address and port; empty for a unix socket."""
        name = self._transport.get_extra_info("peername")
        return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else ""

    @property
    def socket(self) -> sockets.socket:
        """The socket itself, for its options and peer credentials; not for reading or writing."""
        return cast(sockets.socket, self._transport.get_extra_info("socket"))

    async def detach_socket(self) -> tuple[bytes, sockets.socket] | None:
        """Hand out the bytes that were read ahead and a non-blocking socket for a zero-copy pump.

        The caller owns the socket (a duplicate) and closes it, then this channel; until then
        nothing else may use the channel. None where the bytes do not pass the socket as they are.
        """
        self._read_paused = True
        self._transport.pause_reading()
        await self._drain()
        ahead = b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        duplicate = sockets.socket(fileno=os.dup(self.socket.fileno()))
        duplicate.setblocking(False)
        return ahead, duplicate

    async def send_file(self, descriptor: int, offset: int, count: int) -> AsyncIterator[int]:
        """Send a part of a file; yields how much of it went out with each step.

        The kernel copies the pages itself, in a worker thread, as they may have to come from the
        disk. Raises ConnectionError when the peer is gone, takes nothing for five minutes, or the
        file is shorter than it was.
        """
        end = offset + count
        # The last bytes are written: the kernel may keep a sendfile's last segment for a while.
        tail = max(offset, end - _FILE_TAIL)
        async for sent in self._send_pages(descriptor, offset, tail):
            yield sent
        data = await asyncio.to_thread(os.pread, descriptor, end - tail, tail)
        if len(data) != end - tail:
            raise ConnectionAbortedError("the file is shorter than it was")
        await self.write(data)
        yield len(data)

    # Inside

    async def _send_pages(self, descriptor: int, offset: int, end: int) -> AsyncIterator[int]:
        if offset == end:
            return
        await self._drain()
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH)
        with sockets.socket(fileno=os.dup(self.socket.fileno())) as duplicate:
            while offset < end:
                self._check_open()
                step = _FileStep(duplicate.fileno(), descriptor, offset, end)
                sent = await _finished(self._loop.run_in_executor(None, step.run))
                offset += sent
                yield sent
                if step.blocked:
                    await self._wait_writable(duplicate)

    async def _drain(self) -> None:
        """Wait until everything written is with the kernel."""
        while self._transport.get_write_buffer_size():
            self._transport.set_write_buffer_limits(high=0)
            await self.write(b"")

    async def _wait_writable(self, sock: sockets.socket) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_writer(sock.fileno(), _finish, ready)
        try:
            async with asyncio.timeout(_STALL_S):
                await asyncio.wait({ready, self.disconnected}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise ConnectionAbortedError("the client takes nothing any more") from None
        finally:
            self._loop.remove_writer(sock.fileno())

    def _wake_reader(self) -> None:
        if self._reader is not None:
            _finish(self._reader)

    def _check_open(self) -> None:
        if self.disconnected.done() or self._transport.is_closing():
            raise ConnectionResetError("the client has closed the connection")

    def _set_disconnected(self) -> None:
        if self._hangup is not None:
            self._loop.remove_reader(self._hangup.fileno())
            self._hangup.close()
            self._hangup = None
        _finish(self.disconnected)
        _finish(self.gone)

    def _watch_hangup(self) -> None:
        """Tell a half-close from a full one after the end of input.

        A unix socket reports EPOLLHUP once the peer is gone in both directions; an epoll with no
        other event in it is readable then, and only then.
        """
        self._hangup = select.epoll()
        self._hangup.register(self.socket.fileno(), 0)
        self._loop.add_reader(self._hangup.fileno(), self._set_disconnected)


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _FileStep:
    """One visit to a worker thread: from a file to a socket until it takes no more."""

    def __init__(self, target: int, source: int, offset: int, end: int) -> None:
        self._target, self._source = target, source
        self._offset, self._end = offset, min(end, offset + _FILE_STEP)
        self.blocked = False

    def run(self) -> int:
        """Return how many bytes went out; ``blocked`` says that the client has to read first."""
        start = self._offset
        while self._offset < self._end and not self.blocked:
            try:
                sent = os.sendfile(
                    self._target, self._source, self._offset, self._end - self._offset
                )
            except BlockingIOError:
                self.blocked = not self._wait()
                continue
            if sent == 0:
                raise ConnectionAbortedError("the file is shorter than it was")
            self._offset += sent
        return self._offset - start

    def _wait(self) -> bool:
        poll = select.poll()
        poll.register(self._target, select.POLLOUT)
        return bool(poll.poll(_FILE_PATIENCE_MS))


async def _finished(step: asyncio.Future[int]) -> int:
    """Await a step in a worker thread, which uses our descriptors: it ends before we do."""
    try:
        return await asyncio.shield(step)
    except asyncio.CancelledError:
        await asyncio.wait({step})
        if not step.cancelled():
            step.exception()  # nobody is there any more to be told
        raise


class RawConnection:
    """A connection that left HTTP: raw bytes in both directions (a ``wire.duplex.Duplex``)."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.read = channel.read
        self.write = channel.write
        self.write_eof = channel.write_eof
        self.close = channel.close
        self.detach_socket = channel.detach_socket

    async def wait_disconnected(self) -> None:
        """Return once the peer is gone in both directions."""
        await asyncio.shield(self._channel.disconnected)
