"""Attaching to what has ended, and how an exec's output is framed: by hand, as clients differ."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from boxship.wire import stdcopy
from tests.support.daemon import Daemon

_JSON = "Content-Type: application/json\r\n"
Frames = list[tuple[int, bytes]]


@contextmanager
def _container(daemon: Daemon, *command: str) -> Iterator[str]:
    body = {"Image": "busybox", "Cmd": list(command)}
    status, made = daemon.request("POST", "/containers/create", body)
    assert status == 201, made
    assert daemon.request("POST", f"/containers/{made['Id']}/start")[0] == 204
    yield made["Id"]
    daemon.request("DELETE", f"/containers/{made['Id']}?force=1")


def _streams(daemon: Daemon, target: str, body: str = "") -> bytes:
    """Take a connection over; return all that comes after the head."""
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
    head += f"{_JSON}Content-Length: {len(body)}\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(daemon.socket))
        client.sendall(head.encode() + body.encode())
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    told, _, rest = answer.partition(b"\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 101 "), answer
    return rest


@pytest.mark.usefixtures("busybox")
def test_what_an_ended_container_said_can_be_had_by_attaching(daemon: Daemon) -> None:
    with _container(daemon, "sh", "-c", "echo out; echo err >&2") as container:
        assert daemon.request("POST", f"/containers/{container}/wait")[0] == 200
        target = f"/containers/{container}/attach?logs=1&stdout=1"
        assert _frames(_streams(daemon, target)) == [(stdcopy.STDOUT, b"out\n")]
        both = _frames(_streams(daemon, f"{target}&stderr=1"))
        assert sorted(both) == [(stdcopy.STDOUT, b"out\n"), (stdcopy.STDERR, b"err\n")]


def _frames(data: bytes) -> Frames:
    return list(stdcopy.Decoder().feed(data))


@pytest.mark.usefixtures("busybox")
@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("raw", [False, True])
def test_the_start_of_an_exec_says_how_it_is_framed(
    daemon: Daemon, terminal: bool, raw: bool
) -> None:
    request = {"Cmd": ["echo", "out"], "AttachStdout": True, "Tty": terminal}
    with _container(daemon, "sleep", "600") as container:
        status, made = daemon.request("POST", f"/containers/{container}/exec", request)
        assert status == 201
        body = '{"Detach":false,"Tty":%s}' % ("true" if raw else "false")
        said = _streams(daemon, f"/exec/{made['Id']}/start", body)
    line = b"out\r\n" if terminal else b"out\n"
    assert said == (line if raw else stdcopy.encode(stdcopy.STDOUT, line))
