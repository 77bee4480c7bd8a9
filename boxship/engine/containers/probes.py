"""Probes that need nothing inside the image: a TCP connection or an HTTP request from the engine.

The socket is made in the container's network namespace, so that ports need not be published.
"""

import http.client
import os
import socket
from urllib.parse import urlsplit

from boxship.errors import InvalidParameterError
from boxship.linux import netns

HTTP, TCP = "HTTP", "TCP"
_HEALTHY_BELOW = 400


def check_target(kind: str, words: tuple[str, ...]) -> None:
    """Raise InvalidParameterError unless ``words`` name what can be probed."""
    if len(words) != 1:
        raise InvalidParameterError(f"a health check of type {kind} takes one address")
    _target(kind, words[0])


def probe(kind: str, address: str, netns_path: str, timeout_s: float) -> tuple[int, str]:
    """Return exit code 0 or 1 and what was seen. netns_path: empty for the host's. [blocking]"""
    host, port, path = _target(kind, address)
    try:
        with _connect(host, port, netns_path, timeout_s) as connected:
            if kind == TCP:
                return 0, f"connected to {host}:{port}"
            return _request(connected, host, port, path)
    except (OSError, http.client.HTTPException) as error:
        return 1, f"{host}:{port}: {getattr(error, 'strerror', None) or error}"


def _target(kind: str, address: str) -> tuple[str, int, str]:
    """Read ``http://localhost:8080/health``, ``8080/health``, ``:8080`` or ``8080``."""
    wanted = address if "://" in address else f"http://localhost:{address.removeprefix(':')}"
    try:
        parts = urlsplit(wanted)
        port = parts.port or 80
    except ValueError:
        raise InvalidParameterError(f"invalid address of a health check: {address}") from None
    if parts.scheme != "http" or not parts.hostname or (kind == TCP and parts.path):
        raise InvalidParameterError(f"invalid address of a health check: {address}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.hostname, port, path


def _connect(host: str, port: int, netns_path: str, timeout_s: float) -> socket.socket:
    if not netns_path:
        return socket.create_connection((host, port), timeout_s)
    descriptor = os.open(netns_path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with netns.inside(descriptor):
            return socket.create_connection((host, port), timeout_s)
    finally:
        os.close(descriptor)


def _request(connected: socket.socket, host: str, port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port)
    connection.sock = connected
    connection.request("GET", path, headers={"User-Agent": "boxship-health", "Connection": "close"})
    answer = connection.getresponse()
    body = answer.read(1024).decode("utf-8", "replace")
    healthy = 200 <= answer.status < _HEALTHY_BELOW
    return (0 if healthy else 1), f"HTTP {answer.status} {answer.reason}\n{body}"
