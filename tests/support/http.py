"""A bare HTTP client over a unix socket, for tests that speak the API without our own client."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout: float = 60) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def request(
    path: Path, method: str, target: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """One exchange: the status, and the body (decoded where it is JSON)."""
    sent = dict(headers or {})
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    if data is not None:
        sent.setdefault("Content-Type", "application/json")
    connection = UnixConnection(path)
    try:
        connection.request(method, target, data, sent)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.getheader("Content-Type", "").startswith("application/json") and content:
        try:
            return response.status, json.loads(content)
        except ValueError:  # a stream of documents
            return response.status, content
    return response.status, content
