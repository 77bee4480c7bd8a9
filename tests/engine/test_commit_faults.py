"""Commits that are cut off: by the engine's end, by the container's, by a client that leaves."""

import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cli import Cli, boxship_cli
from tests.support.daemon import Daemon
from tests.support.fixtures import StartDaemon
from tests.support.waiting import wait_until

SPARSE = "truncate -s 3G /holes && echo done && exec sleep 900"
"""Three GiB of nothing: they take no room, but reading and hashing them takes a while."""


class Committing:
    """A commit under way, in a thread; its answer, or what broke it off."""

    def __init__(self, daemon: Daemon, name: str) -> None:
        self._daemon = daemon
        self._name = name
        self._thread = threading.Thread(target=self._run)
        self.answer: tuple[int, Any] | OSError | None = None

    def __enter__(self) -> "Committing":
        self._thread.start()
        wait_until(lambda: reads(self._daemon), lambda: self.answer)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _run(self) -> None:
        target = f"/commit?container={self._name}&repo=made&tag=1"
        try:
            self.answer = self._daemon.request("POST", target)
        except OSError as error:
            self.answer = error


def drafts(daemon: Daemon) -> list[str]:
    return os.listdir(daemon.data_root / "overlay2/tmp")


def reads(daemon: Daemon) -> bool:
    """Whether the file of nothing is being copied."""
    at = daemon.data_root / "overlay2/tmp"
    return any((at / draft / "diff/holes").exists() for draft in drafts(daemon))


def state(daemon: Daemon, name: str) -> dict[str, Any]:
    found: dict[str, Any] = daemon.get(f"/containers/{name}/json")["State"]
    return found


def started(boxship: Cli, busybox: str) -> str:
    boxship("run", "-d", "--init", "--name", "large", busybox, "sh", "-c", SPARSE)
    wait_until(lambda: boxship("logs", "large") == "done")
    return "large"


@pytest.fixture
def large(boxship: Cli, busybox: str) -> Iterator[str]:
    """A running container whose commit takes a while; its name."""
    yield started(boxship, busybox)
    boxship.run("rm", "-f", "large")


def test_a_container_that_is_removed_meanwhile(daemon: Daemon, boxship: Cli, large: str) -> None:
    images = boxship("images", "-qa")
    with Committing(daemon, large) as committing:
        boxship("rm", "-f", large)
    assert not isinstance(committing.answer, OSError)
    assert committing.answer is not None
    status, body = committing.answer
    assert status in (404, 409, 500), body
    assert boxship("images", "-qa") == images
    wait_until(lambda: drafts(daemon) == [])
    assert boxship("ps", "-aq", "--filter", f"name={large}") == ""


def test_a_client_that_leaves_gets_its_image(daemon: Daemon, boxship: Cli, large: str) -> None:
    """As in Docker, the commit goes on to its end, and so does the container."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(daemon.socket))
        request = f"POST /commit?container={large}&repo=left&tag=1 HTTP/1.1\r\nHost: x\r\n"
        client.sendall(f"{request}Content-Length: 0\r\n\r\n".encode())
        wait_until(lambda: reads(daemon))
    wait_until(lambda: daemon.request("GET", "/images/left:1/json")[0] == 200)
    assert state(daemon, large)["Status"] == "running"
    assert boxship("run", "--rm", "left:1", "stat", "-c", "%s", "/holes") == str(3 << 30)
    boxship("rmi", "left:1")


def test_an_engine_that_is_killed_meanwhile(start_daemon: StartDaemon) -> None:
    """The container goes on, and nothing of the image is left."""
    daemon = start_daemon()
    boxship = boxship_cli(daemon.host, daemon.scratch / "home")
    boxship("pull", "-q", "busybox")
    name = started(boxship, "busybox")
    images, layers = boxship("images", "-qa"), os.listdir(daemon.data_root / "overlay2/layers")
    with Committing(daemon, name) as committing:
        assert state(daemon, name)["Status"] == "paused"
        daemon.kill()
    assert isinstance(committing.answer, OSError)
    daemon.start()
    wait_until(lambda: state(daemon, name)["Status"] == "running")
    assert boxship("exec", name, "echo", "awake") == "awake"
    assert boxship("images", "-qa") == images
    assert os.listdir(daemon.data_root / "overlay2/layers") == layers
    assert drafts(daemon) == []
    boxship("rm", "-f", name)
