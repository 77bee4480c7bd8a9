"""Streams that no stock command speaks: the websocket, early heads, raw and framed logs."""

import base64
import os
import socket
import time
from collections.abc import Iterator

import pytest

from boxship.wire import stdcopy
from boxship.wire.websocket import Opcode, accept_key
from tests.support.daemon import Daemon
from tests.unit.wire.test_websocket import masked


@pytest.fixture
def connection(daemon: Daemon) -> Iterator[socket.socket]:
    """A connection to the daemon's socket."""
    with socket.socket(socket.AF_UNIX) as connected:
        connected.settimeout(20)
        connected.connect(str(daemon.socket))
        yield connected


def create(daemon: Daemon, image: str, **config: object) -> str:
    """Create a container; its id."""
    status, answer = daemon.request("POST", "/containers/create", {"Image": image, **config})
    assert status == 201, answer
    return str(answer["Id"])


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Read an answer's head; what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        assert piece, data
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def read_all(connection: socket.socket, data: bytes = b"") -> bytes:
    """Read to the end."""
    while piece := connection.recv(4096):
        data += piece
    return data


def test_attach_by_websocket(daemon: Daemon, busybox: str, connection: socket.socket) -> None:
    container = create(daemon, busybox, Cmd=["cat"], OpenStdin=True, StdinOnce=True)
    key = base64.b64encode(os.urandom(16)).decode()
    path = f"/v1.44/containers/{container}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1"
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    head, rest = read_head(connection)
    assert head.startswith(b"HTTP/1.1 101")
    assert f"Sec-WebSocket-Accept: {accept_key(key)}".encode() in head
    assert daemon.request("POST", f"/containers/{container}/start")[0] == 204
    connection.sendall(masked(Opcode.BINARY, b"hello\n"))
    while len(rest) < 8:
        rest += connection.recv(4096)
    assert rest == b"\x82\x06hello\n"
    connection.sendall(masked(Opcode.CLOSE, b""))
    assert read_all(connection)[:1] == b"\x88"
    daemon.request("DELETE", f"/containers/{container}?force=1")


def test_wait_answers_with_its_head_at_once(
    daemon: Daemon, busybox: str, connection: socket.socket
) -> None:
    container = create(daemon, busybox, Cmd=["sh", "-c", "exit 4"])
    path = f"/containers/{container}/wait?condition=next-exit"
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, rest = read_head(connection)
    assert head.startswith(b"HTTP/1.1 200")
    assert daemon.request("POST", f"/containers/{container}/start")[0] == 204
    assert b'{"StatusCode":4}' in read_all(connection, rest)
    daemon.request("DELETE", f"/containers/{container}")


def test_logs_are_framed_without_a_terminal(
    daemon: Daemon, busybox: str, connection: socket.socket
) -> None:
    container = create(daemon, busybox, Cmd=["echo", "hi"])
    daemon.request("POST", f"/containers/{container}/start")
    daemon.request("POST", f"/containers/{container}/wait")
    path = f"/containers/{container}/logs?stdout=1&details=1"
    connection.sendall(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
    head, rest = read_head(connection)
    assert b"application/vnd.docker.multiplexed-stream" in head
    assert read_all(connection, rest) == stdcopy.encode(stdcopy.STDOUT, b" hi\n")
    status, answer = daemon.request("GET", f"/containers/{container}/logs")
    assert (status, answer["message"]) == (
        400,
        "Bad parameters: you must choose at least one stream",
    )
    daemon.request("DELETE", f"/containers/{container}")


def test_listing_fifty_containers(daemon: Daemon, busybox: str) -> None:
    made = [create(daemon, busybox, Cmd=["true"], Labels={"batch": "x"}) for _ in range(50)]
    target = '/containers/json?all=1&filters={"label":["batch=x"]}'

    def listing() -> float:
        started = time.perf_counter()
        status, answer = daemon.request("GET", target.replace('"', "%22"))
        took = time.perf_counter() - started
        assert (status, len(answer)) == (200, 50)
        return took

    assert min(listing() for _ in range(10)) < 0.02
    for container in made:
        daemon.request("DELETE", f"/containers/{container}")
