"""Requests as bytes, broken ones too: what a daemon answers to them, and how soon."""

import contextlib
import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 30.0
"""Nothing that is refused takes longer."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    kind: str
    body: bytes
    """Of refusals only: the bodies of others may have no end."""

    @property
    def document(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """What a refusal says; AssertionError where it says nothing."""
        if not self.kind.startswith("application/json"):
            assert self.kind.startswith("text/plain"), self
            return self.body.decode()
        found = self.document
        assert list(found) == ["message"], self
        assert isinstance(found["message"], str)
        return str(found["message"])


def connect(path: Path) -> socket.socket:
    """Open a connection."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(str(path))
    return client


def head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """Return a request's head."""
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def request(
    method: str,
    target: str,
    body: bytes | None = None,
    content_type: str = "application/json",
    **headers: str,
) -> bytes:
    """Return a whole request."""
    wanted = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is None:
        return head(method, target, wanted)
    own = {"Content-Type": content_type, "Content-Length": str(len(body))}
    return head(method, target, {**own, **wanted}) + body


def exchange(path: Path, sent: bytes, *, ends: bool = False, method: str = "") -> Answer | None:
    """Send bytes, and return the answer; None: the daemon hung up without one.

    ends: the client sends no more after them. Raises TimeoutError when nothing comes.
    """
    with connect(path) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(sent)
            if ends:
                client.shutdown(socket.SHUT_WR)
        return receive(client, method or sent.partition(b" ")[0].decode("latin-1"))


def receive(client: socket.socket, method: str) -> Answer | None:
    """Read one answer."""
    response = http.client.HTTPResponse(client, method=method)
    try:
        response.begin()
        body = response.read() if response.status >= 400 else b""
    except (http.client.BadStatusLine, ConnectionResetError):
        return None
    finally:
        response.close()
    return Answer(response.status, response.getheader("Content-Type", ""), body)
