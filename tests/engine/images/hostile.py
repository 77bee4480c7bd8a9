"""A small registry that misbehaves in the ways a test asks for."""

import hashlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from boxship.entrypoints import base_image

_VERBS = ("HEAD", "POST", "PUT", "PATCH", "DELETE")


class Exchange(BaseHTTPRequestHandler):
    """One request, with helpers to answer it."""

    protocol_version = "HTTP/1.1"
    owner: "HostileRegistry"

    def do_GET(self) -> None:
        """Answer by the first hook that takes the request, else honestly."""
        self.owner.requests.append(
            (self.command, self.path, {key.lower(): value for key, value in self.headers.items()})
        )
        for fragment, hook in list(self.owner.hooks.items()):
            if fragment in self.path and hook(self):
                return
        self.honest()

    def honest(self) -> None:
        """Answer as a registry should."""
        image = self.owner.image
        if self.command in ("POST", "PUT", "PATCH", "DELETE") or "/uploads/" in self.path:
            self.owner.uploads.answer(self)
            return
        name = self.path.rpartition("/")[2]
        if name in self.owner.uploads.blobs:
            self.answer(200, self.owner.uploads.blobs[name])
        elif "/manifests/" in self.path:
            self.answer(
                200,
                image.manifest,
                {"Content-Type": image.media_type, "Docker-Content-Digest": image.digest},
            )
        elif name in image.blobs:
            self.blob(image.blobs[name])
        else:
            self.answer(404, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"unknown"}]}')

    def blob(self, data: bytes) -> None:
        """Send a blob, or the range of it that was asked for."""
        wanted = self.headers.get("Range", "")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        self.answer(206 if start else 200, data[start:], headers)

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send a complete answer."""
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def truncated(self, body: bytes, size: int, *, stall: bool = False) -> None:
        """Announce ``body``, send the first ``size`` bytes; then break off, or fall silent."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:size])
        self.wfile.flush()
        if stall:
            self.owner.stalled.set()
            self.owner.released.wait(30)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Uploads:
    """What was pushed. ``sessions`` holds what open uploads have received."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.sessions: dict[str, bytes] = {}
        self.opened = 0

    def answer(self, exchange: Exchange) -> None:
        """Take a blob or a manifest as the distribution specification says."""
        path, _, query = exchange.path.partition("?")
        if exchange.command == "PUT" and "/manifests/" in path:
            self.manifests[path.rpartition("/")[2]] = self.read(exchange)
            exchange.answer(201, b"")
        elif exchange.command == "POST":
            self.opened += 1
            self.sessions[str(self.opened)] = b""
            exchange.answer(202, b"", {"Location": f"{path}{self.opened}"})
        else:
            self._session(exchange, path.rpartition("/")[2], parse_qs(query))

    def _session(self, exchange: Exchange, name: str, query: dict[str, list[str]]) -> None:
        data = self.read(exchange)
        if name not in self.sessions:
            exchange.answer(404, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"gone"}]}')
            return
        start = exchange.headers.get("Content-Range", "").partition("-")[0]
        if start and int(start) != len(self.sessions[name]):
            exchange.answer(416, b"")
            return
        self.sessions[name] += data
        if exchange.command == "PUT":
            (digest,) = query["digest"]
            whole = self.sessions.pop(name)
            if digest != f"sha256:{hashlib.sha256(whole).hexdigest()}":
                exchange.answer(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"bad"}]}')
                return
            self.blobs[digest] = whole
            exchange.answer(201, b"", {"Docker-Content-Digest": digest})
            return
        headers = {"Range": f"0-{max(0, len(self.sessions[name]) - 1)}"}
        exchange.answer(202 if data else 204, b"", headers | {"Location": exchange.path})

    def cut(self, exchange: Exchange, size: int) -> None:
        """Take ``size`` bytes of an upload, then break the connection off."""
        name = exchange.path.partition("?")[0].rpartition("/")[2]
        self.sessions[name] += exchange.rfile.read(size)
        exchange.connection.shutdown(socket.SHUT_RDWR)
        exchange.close_connection = True

    @staticmethod
    def read(exchange: Exchange) -> bytes:
        """The whole body of a request."""
        return exchange.rfile.read(int(exchange.headers.get("Content-Length", "0")))


Hook = Callable[[Exchange], bool]
"""Answers a request and returns True, or leaves it."""


@dataclass
class HostileRegistry:
    """Serves one image; ``hooks`` maps a fragment of the path to what answers instead."""

    image: base_image.Image
    hooks: dict[str, Hook] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    uploads: Uploads = field(default_factory=Uploads)

    def __post_init__(self) -> None:
        self.stalled = threading.Event()
        self.released = threading.Event()
        verbs = {f"do_{verb}": Exchange.do_GET for verb in _VERBS}
        handler = type("Handler", (Exchange,), {"owner": self, **verbs})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def host(self) -> str:
        """``127.0.0.1:<port>``"""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def name(self) -> str:
        """The image's name."""
        return f"{self.host}/app:1"

    @property
    def layer(self) -> bytes:
        """The compressed layer."""
        return self.image.blobs[self.layer_digest]

    @property
    def layer_digest(self) -> str:
        """Digest of the only layer."""
        return self.image.layer_digests[0]

    def count(self, fragment: str) -> int:
        """How many requests had this in their path."""
        return sum(fragment in path for _, path, _ in self.requests)

    def close(self) -> None:
        """Stop serving."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


def once(hook: Hook) -> Hook:
    """A hook for the first request only."""
    used = False

    def first(exchange: Exchange) -> bool:
        nonlocal used
        if used:
            return False
        used = True
        return hook(exchange)

    return first


def always(status: int, body: bytes, headers: dict[str, str] | None = None) -> Hook:
    """A hook that gives one answer."""

    def answer(exchange: Exchange) -> bool:
        exchange.answer(status, body, headers)
        return True

    return answer
