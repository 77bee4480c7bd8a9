"""One request to a plugin: JSON over HTTP, with an end to everything.

A plugin is somebody else's process. It may be gone, hang, answer byte by byte, or without end: each
call has one deadline for all of it, and an answer a largest size.
"""

import http.client
import socket
import ssl
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import msgspec

from boxship.engine.plugins.plugin import PluginAddress, PluginError

CONTENT_TYPE = "application/vnd.docker.plugins.v1.2+json"
_MAX_ANSWER = 4 << 20
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0

_encode = msgspec.json.Encoder().encode


class _RefusedError(Exception):
    """Nobody listens (yet): worth another try."""


class Channel:
    """Speaks to one plugin. Safe from several threads: each call has a connection of its own."""

    def __init__(self, address: PluginAddress, patience_s: float) -> None:
        """``patience_s``: how long a plugin that does not listen is tried again."""
        self._address = address
        self._patience_s = patience_s

    def call(self, method: str, body: object, timeout_s: float) -> dict[str, Any]:
        """POST ``body`` to ``/method`` and return the JSON object of the answer.

        Raises PluginError: nobody listens, no answer in time, an error, or nonsense. [blocking]
        """
        give_up = time.monotonic() + min(self._patience_s, timeout_s)
        pause = threading.Event()
        wait_s = _FIRST_PAUSE
        while True:
            try:
                status, text = self._exchange(method, _encode(body), timeout_s)
                return self._read(method, status, text)
            except _RefusedError as error:
                if time.monotonic() + wait_s > give_up:
                    raise self._error(method, f"it cannot be reached: {error}") from error
                pause.wait(wait_s)
                wait_s = min(wait_s * 2, _LONGEST_PAUSE)

    def _exchange(self, method: str, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        connection = self._connect(timeout_s)
        expired = threading.Event()
        timer = threading.Timer(timeout_s, _cut, (connection, expired))
        timer.daemon = True
        timer.start()
        try:
            headers = {"Content-Type": CONTENT_TYPE, "Accept": CONTENT_TYPE, "Connection": "close"}
            connection.request("POST", f"/{method}", body, headers)
            answer = connection.getresponse()
            text = answer.read(_MAX_ANSWER + 1)
            if answer.length and len(text) <= _MAX_ANSWER:
                raise http.client.IncompleteRead(text, answer.length)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if expired.is_set() or isinstance(error, TimeoutError):
                raise self._error(method, f"no answer within {timeout_s:g} s") from error
            raise self._error(method, f"it broke the connection: {error!r}") from error
        finally:
            timer.cancel()
            connection.close()
        if expired.is_set():
            raise self._error(method, f"no whole answer within {timeout_s:g} s")
        if len(text) > _MAX_ANSWER:
            raise self._error(method, f"its answer is larger than {_MAX_ANSWER} bytes")
        return answer.status, text

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        try:
            connection = _connection(self._address, timeout_s)
            connection.connect()
        except OSError as error:
            raise _RefusedError(error.strerror or str(error)) from error
        return connection

    def _read(self, method: str, status: int, text: bytes) -> dict[str, Any]:
        try:
            answer = msgspec.json.decode(text or b"{}")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            answer = None
        if status != 200:
            said = answer.get("Err") if isinstance(answer, dict) else None
            shown = said or text[:200].decode(errors="replace").strip() or f"status {status}"
            raise PluginError(f"{method}: {shown}")
        if not isinstance(answer, dict):
            raise self._error(method, "its answer is no JSON object")
        if error := answer.get("Err"):
            raise PluginError(f"{method}: {error}")
        return answer

    def _error(self, method: str, reason: str) -> PluginError:
        name, url = self._address.name, self._address.url
        return PluginError(f"{method}: plugin {name} at {url}: {reason}")


def _cut(connection: http.client.HTTPConnection, expired: threading.Event) -> None:
    """End what a thread waits for."""
    expired.set()
    if connection.sock is not None:
        try:
            connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("plugin", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(self._path)
        except OSError:
            self.sock.close()
            raise


def _connection(address: PluginAddress, timeout_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(address.url)
    if parts.scheme == "unix":
        return _UnixConnection(parts.path, timeout_s)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https" or (parts.scheme == "tcp" and address.tls is not None):
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=_context(address))
    return http.client.HTTPConnection(host, port, timeout=timeout_s)


def _context(address: PluginAddress) -> ssl.SSLContext:
    tls = address.tls
    context = ssl.create_default_context(cafile=(tls.ca_file or None) if tls else None)
    if tls and tls.skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls and tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file or None)
    return context
