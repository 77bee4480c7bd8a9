"""One client of a task's streams."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from boxship.engine.runtime.detach import DetachScanner
from boxship.engine.runtime.task import AttachRequest
from boxship.wire import conmon, stdcopy
from boxship.wire.duplex import Duplex

_STREAMS = {conmon.STDOUT: stdcopy.STDOUT, conmon.STDERR: stdcopy.STDERR}
WRITE_SIZE = 256 * 1024
"""Bytes given to a client at a time; between two, its progress shows."""


class Streams(Protocol):
    """What an attachment needs of its hub."""

    terminal: bool

    def detach(self, attachment: "Attachment") -> None: ...

    def flow(self) -> None: ...

    async def wait_connected(self) -> None: ...

    async def write_stdin(self, data: bytes) -> None: ...

    def end_stdin(self) -> None: ...


class Attachment:
    """A registered client; ``run`` moves bytes until the task ends, it detaches, or it is gone."""

    def __init__(self, streams: Streams, request: AttachRequest, client: Duplex) -> None:
        self._streams = streams
        self._request = request
        self._client = client
        self._pieces: list[bytes | memoryview] = []
        self._wake = asyncio.Event()
        self._ended = False
        self.detached = False
        """Whether it ended by the detach keys."""
        self.queued = 0
        """Bytes that the client has not taken yet."""
        self.sent = 0
        """Bytes that it has taken."""

    def feed(self, packets: Sequence[bytes]) -> None:
        """Take packets as conmon sent them, those of unwanted streams excepted."""
        position = 0
        while position < len(packets):
            kind = packets[position][0]
            end = position + 1
            while end < len(packets) and packets[end][0] == kind:
                end += 1
            if self._wants(kind):
                self._append(kind, packets[position:end])
            position = end
        self._wake.set()

    def end(self) -> None:
        """Nothing more will come; ``run`` returns when all is sent."""
        self._ended = True
        self._wake.set()

    def drop(self) -> None:
        """Give up on a client that takes nothing."""
        self._pieces.clear()
        self.queued = 0
        self.end()
        self._client.close()

    async def run(self) -> None:
        """Pump. Returns when the task is over and all output is sent, or the client has left."""
        output = asyncio.ensure_future(self._pump_output())
        pumps: set[asyncio.Future[bool]] = {output, asyncio.ensure_future(self._pump_input())}
        try:
            while not output.done():
                done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                if any(pump.result() for pump in done):
                    break
                pumps -= done
        finally:
            self._streams.detach(self)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    def _wants(self, kind: int) -> bool:
        if kind == conmon.STDERR:
            return self._request.stderr
        return self._request.stdout

    def _append(self, kind: int, packets: Sequence[bytes]) -> None:
        size = sum(map(len, packets)) - len(packets)
        self.queued += size
        if self._request.framed:
            self.queued += stdcopy.HEAD_SIZE
            self._pieces.append(stdcopy.head(_STREAMS.get(kind, stdcopy.STDOUT), size))
        self._pieces.extend(memoryview(packet)[1:] for packet in packets)

    async def _pump_output(self) -> bool:
        """Return True: the attachment is over when its output is."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._pieces:
                    await self._send()
                if self._ended:
                    return True
        except ConnectionError:
            return True

    async def _send(self) -> None:
        block = memoryview(b"".join(self._pieces))
        self._pieces.clear()
        for start in range(0, len(block), WRITE_SIZE):
            piece = block[start : start + WRITE_SIZE]
            await self._client.write(piece)
            self.sent += len(piece)
            self.queued = max(0, self.queued - len(piece))
            self._streams.flow()

    async def _pump_input(self) -> bool:
        """Return True where the client has left for good, False where only its input ended."""
        scanner = DetachScanner(self._request.detach_keys)
        try:
            while data := await self._client.read():
                if not self._request.stdin:
                    continue
                await self._streams.wait_connected()
                if self._streams.terminal:
                    data, self.detached = scanner.feed(data)
                if data:
                    await self._streams.write_stdin(data)
                if self.detached:
                    return True
        except ConnectionError:
            return True
        finally:
            if self._request.stdin and not self.detached:
                self._streams.end_stdin()
        return False
