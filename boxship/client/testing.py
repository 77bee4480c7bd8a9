"""A stand-in for an engine, for tests of programs that use the client.

``FakeEngine`` listens on a unix socket, records what it was asked, and answers what it was told.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from boxship.client import jsontext
from boxship.client.endpoint import Endpoint, parse_endpoint


class Asked:
    """One request: path without version and query; body decoded from chunks."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        versioned, _, self.query = target.partition("?")
        self.method = method
        self.version, _, rest = versioned.removeprefix("/v").partition("/")
        self.path = f"/{rest}"
        self.headers = headers
        self.body = body

    @property
    def json(self) -> object:
        """The body as JSON."""
        return jsontext.loads(self.body)


class Connection:
    """The server's side of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._file = sock.makefile("rb")

    def read_request(self) -> Asked | None:
        """The next request, None at the client's end."""
        line = self._file.readline().decode()
        if not line.strip():
            return None
        method, target, _ = line.split()
        headers: dict[str, str] = {}
        while (field := self._file.readline().decode().strip()) != "":
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        return Asked(method, target, headers, self._read_body(headers))

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self._file.read(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self._file.readline(), 16):
            body += self._file.read(size)
            self._file.readline()
        self._file.readline()
        return body

    def read_raw(self, size: int = 65536) -> bytes:
        """Bytes of a hijacked connection, ``b""`` at the client's end."""
        return self._file.read1(size)

    def answer(
        self,
        document: object = None,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send a response; bytes are sent as they are, anything else as JSON."""
        body = document if isinstance(document, bytes) else jsontext.dumps(document).encode()
        body = b"" if status in (204, 304) else body
        fields = {"Content-Length": str(len(body)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.sock.sendall(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body)

    def answer_chunks(
        self, chunks: "Iterator[bytes] | list[bytes]", content_type: str = "application/json"
    ) -> None:
        """Send a chunked response."""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked"
        self.sock.sendall(f"{head}\r\n\r\n".encode())
        for chunk in chunks:
            self.sock.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self.sock.sendall(b"0\r\n\r\n")

    def upgrade(self, first: bytes = b"", kind: str = "multiplexed") -> None:
        """Answer a hijack; first: raw bytes in the same segment."""
        head = (
            "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            f"Content-Type: application/vnd.docker.{kind}-stream\r\n\r\n"
        )
        self.sock.sendall(head.encode() + first)


Handler = Callable[[Connection, Asked], bool | None]
"""Answers one request; True when the connection is over."""


class FakeEngine:
    """Serves with a handler in threads; ``asked`` lists all requests in order."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self.asked: list[Asked] = []
        self.path = path
        self._handler = handler
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> Endpoint:
        """Where to connect to."""
        return parse_endpoint(f"unix://{self.path}")

    def paths(self) -> list[str]:
        """``METHOD /path`` of all requests so far."""
        return [f"{request.method} {request.path}" for request in self.asked]

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        connection = Connection(sock)
        with sock, contextlib.suppress(OSError):
            while (request := connection.read_request()) is not None:
                self.asked.append(request)
                if self._handler(connection, request):
                    return


@contextlib.contextmanager
def fake_engine(directory: Path, handler: Handler) -> Iterator[FakeEngine]:
    """A FakeEngine on ``directory/engine.sock``, closed at the end."""
    engine = FakeEngine(directory / "engine.sock", handler)
    try:
        yield engine
    finally:
        engine.close()
