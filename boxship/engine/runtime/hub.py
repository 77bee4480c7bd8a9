"""Attaching clients to the streams of a task.

conmon stops its container when an attached client stops reading, so the hub is conmon's only
client: it connects while somebody wants the streams, always drains them, and hands copies to any
number of attachments.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from boxship.engine.runtime.attachment import Attachment
from boxship.engine.runtime.task import AttachRequest
from boxship.wire import conmon
from boxship.wire.duplex import Duplex

PACKETS_PER_TURN = 64
"""Packets taken before the event loop gets its turn: half a mebibyte."""
HIGH_WATER = 1024 * 1024
"""Bytes that wait for one client before the container has to wait for it."""
LOW_WATER = HIGH_WATER // 2
STALL_LIMIT_S = 5.0
"""How long a client that takes nothing may hold up others."""
CONNECT_LIMIT_S = 5.0


class AttachHub:
    """The streams of one task: conmon on one side, attachments on the other."""

    def __init__(self) -> None:
        self.terminal = False
        self._stdin_once = False
        self._attachments: list[Attachment] = []
        self._socket: socket.socket | None = None
        self._directory: Path | None = None
        self._reading = False
        self._draining = False
        self._stdin_closed = False
        self._stdin_ending = False
        self._stdin_lock = asyncio.Lock()
        self._connected = asyncio.Event()
        self._stall_timer: asyncio.TimerHandle | None = None
        self._marks: dict[Attachment, int] = {}
        self._eof = asyncio.Event()
        self.finished = False
        """Whether the task is over."""

    def configure(self, *, terminal: bool, open_stdin: bool, stdin_once: bool) -> None:
        """Say what the task is like; clients may be attached before that is known.

        ``stdin_once``: the end of one client's input is the end of the task's. A terminal's
        input never ends.
        """
        self.terminal = terminal
        self._stdin_closed = not open_stdin
        self._stdin_once = stdin_once and not terminal

    @property
    def wanted(self) -> bool:
        """Whether any client is attached."""
        return bool(self._attachments)

    def attach(self, request: AttachRequest, client: Duplex) -> Attachment:
        """Register a client: from now on it gets all that the task writes."""
        attachment = Attachment(self, request, client)
        if self.finished:
            attachment.end()
            return attachment
        self._attachments.append(attachment)
        self._connect_if_wanted()
        return attachment

    def detach(self, attachment: Attachment) -> None:
        """Forget a client; the last one to go takes the connection to conmon with it."""
        if attachment not in self._attachments:
            return
        self._attachments.remove(attachment)
        if not self._attachments and self._may_disconnect():
            self._disconnect()
        else:
            self.flow()

    def task_created(self, directory: Path) -> None:
        """Say where conmon's attach socket is; connects at once if somebody waits."""
        self._directory = directory
        self._connect_if_wanted()

    def task_died(self) -> None:
        """The task's process has ended: take what conmon still holds, however slow clients are.

        conmon cannot report the end before its output is taken; what is left is little.
        """
        self._draining = True
        self.flow()

    async def wait_connected(self) -> None:
        """Return when the task is there (or will never be)."""
        await self._connected.wait()

    async def wait_eof(self) -> None:
        """Return when conmon has delivered everything (at once where nobody is attached)."""
        if self._socket is not None:
            await self._eof.wait()

    def finish(self) -> None:
        """The task is over: attachments end once they have sent what they hold."""
        self.finished = True
        self._disconnect()
        self._connected.set()
        for attachment in self._attachments:
            attachment.end()
        self._attachments.clear()

    async def write_stdin(self, data: bytes) -> None:
        """Send a client's input; returns when conmon has taken it. Dropped once closed."""
        await self.wait_connected()
        view = memoryview(data)
        async with self._stdin_lock:
            for start in range(0, len(view), conmon.STDIN_PACKET_LIMIT):
                if self._socket is None or self._stdin_closed:
                    return
                await self._send(view[start : start + conmon.STDIN_PACKET_LIMIT])
        self._close_stdin_if_ending()

    def end_stdin(self) -> None:
        """A client's input has ended; with ``stdin_once`` so has the task's, once it is sent."""
        self._stdin_ending = self._stdin_once
        self._close_stdin_if_ending()

    def flow(self) -> None:
        """Start or stop taking output, by how much is waiting for clients."""
        if self._socket is None or self._eof.is_set():
            return
        waiting = max((one.queued for one in self._attachments), default=0)
        if self._draining or waiting < LOW_WATER:
            self._resume()
        elif waiting > HIGH_WATER:
            self._pause()

    def _close_stdin_if_ending(self) -> None:
        if not self._stdin_ending or self._stdin_closed or self._stdin_lock.locked():
            return
        if self._socket is not None:
            self._stdin_closed = True
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def _connect_if_wanted(self) -> None:
        if self._directory is None or not self._attachments or self._socket is not None:
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            # conmon has listened since before it created the container: this never waits.
            connection.settimeout(CONNECT_LIMIT_S)
            _connect(connection, self._directory)
            connection.setblocking(False)
        except OSError:
            connection.close()
            self._connected.set()
            return
        self._socket = connection
        self._connected.set()
        self._close_stdin_if_ending()
        self._resume()

    def _may_disconnect(self) -> bool:
        # conmon takes the end of the connection for the end of input unless told to keep it.
        return not self._stdin_once or self._stdin_closed

    def _disconnect(self) -> None:
        if self._socket is None:
            return
        self._pause()
        self._cancel_stall_timer()
        asyncio.get_running_loop().remove_writer(self._socket.fileno())
        self._socket.close()
        self._socket = None
        self._eof.set()
        if not self.finished:
            self._eof = asyncio.Event()
            self._connected = asyncio.Event()

    def _resume(self) -> None:
        self._cancel_stall_timer()
        if self._socket is not None and not self._reading:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._take_output)
            self._reading = True

    def _pause(self) -> None:
        if self._socket is not None and self._reading:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._reading = False
            self._watch_for_stall()

    def _watch_for_stall(self) -> None:
        self._marks = {one: one.sent for one in self._attachments if one.queued > LOW_WATER}
        loop = asyncio.get_running_loop()
        self._stall_timer = loop.call_later(STALL_LIMIT_S, self._drop_stalled)

    def _cancel_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _drop_stalled(self) -> None:
        self._stall_timer = None
        stalled = [
            one for one in self._attachments if one.queued and self._marks.get(one) == one.sent
        ]
        if len(stalled) < len(self._attachments):
            for attachment in stalled:
                self._attachments.remove(attachment)
                attachment.drop()
        self._watch_for_stall()
        self.flow()

    def _take_output(self) -> None:
        assert self._socket is not None
        packets: list[bytes] = []
        ended = False
        receive = self._socket.recv
        with contextlib.suppress(BlockingIOError):
            while len(packets) < PACKETS_PER_TURN:
                try:
                    packet = receive(conmon.PACKET_LIMIT)
                except ConnectionError:
                    packet = b""
                if not packet:
                    ended = True
                    break
                packets.append(packet)
        if packets:
            self._deliver(packets)
        if ended:
            self._pause()
            self._cancel_stall_timer()
            self._eof.set()

    def _deliver(self, packets: Sequence[bytes]) -> None:
        for attachment in self._attachments:
            attachment.feed(packets)
        self.flow()

    async def _send(self, data: memoryview) -> None:
        while self._socket is not None:
            try:
                self._socket.send(data)
                return
            except BlockingIOError:
                await self._writable(self._socket.fileno())
            except OSError:
                self._stdin_closed = True
                return

    async def _writable(self, descriptor: int) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(descriptor, ready.set)
        waits = [asyncio.ensure_future(event.wait()) for event in (ready, self._eof)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            if self._socket is not None:
                loop.remove_writer(descriptor)


def _connect(connection: socket.socket, directory: Path) -> None:
    # A path through a descriptor: sun_path holds 107 bytes, a bundle's path may be longer.
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        connection.connect(f"/proc/self/fd/{descriptor}/{conmon.ATTACH_SOCKET}")
    finally:
        os.close(descriptor)
