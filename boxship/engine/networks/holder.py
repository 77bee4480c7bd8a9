"""The daemon's side of the port holder (:mod:`boxship.entrypoints.portd`)."""

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from boxship.errors import InternalError

logger = logging.getLogger(__name__)

_PROGRAM = Path(__file__).parents[2] / "entrypoints" / "portd.py"
_SOCKETS_PER_MESSAGE = 100
_KEYS_PER_MESSAGE = 300
_LIST_CHUNK = 200
_ANSWER_TIMEOUT_S = 5.0
_START_TIMEOUT_S = 10.0
_MAX_DATAGRAM = 64 * 1024


@dataclass(frozen=True, slots=True)
class HeldPort:
    """A bound socket to hand over, and where its stray connections go."""

    key: str
    protocol: str
    socket: socket.socket
    address: str
    port: int


class PortHolderClient:
    """Starts the holder when it is first needed and speaks to it. Calls are serialized."""

    def __init__(self, path: Path) -> None:
        """``path`` is the holder's socket; at most 107 bytes, as for every unix socket."""
        self._path = path
        self._connection: socket.socket | None = None
        self._lock = asyncio.Lock()
        self.pid = 0
        """Process id of the holder, once it has answered."""

    async def hold(self, ports: Sequence[HeldPort]) -> None:
        """Hand bound sockets over and close our own copies. Raises InternalError."""
        try:
            for start in range(0, len(ports), _SOCKETS_PER_MESSAGE):
                chunk = ports[start : start + _SOCKETS_PER_MESSAGE]
                lines = (f"{p.key}\t{p.protocol}\t{p.address}\t{p.port}" for p in chunk)
                request = "\n".join(["hold", *lines])
                await self._ask(request, [port.socket.fileno() for port in chunk], start=True)
        finally:
            for port in ports:
                port.socket.close()

    async def aim(self, targets: Mapping[str, tuple[str, int]]) -> None:
        """Send the stray connections of held ports, by key, to another address and port."""
        lines = [f"{key}\t{address}\t{port}" for key, (address, port) in targets.items()]
        for start in range(0, len(lines), _KEYS_PER_MESSAGE):
            chunk = lines[start : start + _KEYS_PER_MESSAGE]
            await self._ask("\n".join(["aim", *chunk]), [], start=False)

    async def release(self, keys: Sequence[str]) -> None:
        """Give ports back; unknown keys are no error."""
        for start in range(0, len(keys), _KEYS_PER_MESSAGE):
            chunk = keys[start : start + _KEYS_PER_MESSAGE]
            await self._ask("\n".join(["release", *chunk]), [], start=False)

    async def held(self) -> set[str]:
        """Return the keys of all ports that are held; none when no holder runs."""
        keys: list[str] = []
        while True:
            chunk = await self._ask(f"list\t{len(keys)}", [], start=False)
            keys += chunk
            if len(chunk) < _LIST_CHUNK:
                return set(keys)

    def close(self) -> None:
        """Let go of the holder: it ends if it holds nothing."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _ask(self, request: str, fds: list[int], *, start: bool) -> list[str]:
        async with self._lock:
            for attempt in (1, 2):
                connection = await self._connect(start=start)
                if connection is None:
                    return []
                try:
                    async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                        answer = await self._exchange(connection, request, fds)
                except (OSError, TimeoutError) as error:
                    # It ended between two calls, or was killed: once more with a new one.
                    logger.debug("the port holder does not answer (attempt %d): %s", attempt, error)
                    self.close()
                    continue
                pid, *lines = answer.split("\n")
                self.pid = int(pid)
                return lines
        raise InternalError(f"the port holder at {self._path} does not answer")

    async def _exchange(self, connection: socket.socket, request: str, fds: list[int]) -> str:
        socket.send_fds(connection, [request.encode()], fds)
        data = await asyncio.get_running_loop().sock_recv(connection, _MAX_DATAGRAM)
        if not data:
            raise ConnectionResetError("connection closed")
        return data.decode()

    async def _connect(self, *, start: bool) -> socket.socket | None:
        if self._connection is None:
            self._connection = self._try_connect()
        if self._connection is None and start:
            await asyncio.to_thread(self._start)
            self._connection = self._try_connect()
            if self._connection is None:
                raise InternalError(f"the port holder was started but {self._path} does not answer")
        return self._connection

    def _try_connect(self) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(str(self._path))
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            return None
        connection.setblocking(False)
        return connection

    def _start(self) -> None:
        """Run the program; it exits in its starter's eyes once it listens."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-I", "-S", str(_PROGRAM), str(self._path)]
        try:
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=_START_TIMEOUT_S,
            )
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode(errors="replace").strip()
            raise InternalError(f"the port holder cannot be started: {reason}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InternalError(f"the port holder cannot be started: {error}") from error
