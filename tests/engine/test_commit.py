"""Images out of containers: POST /commit on a real engine."""

import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.waiting import wait_until

WRITE = "echo hi > /x; rm /bin/vi; echo v > /data/f; echo done; exec sleep 900"


@pytest.fixture
def written(boxship: Cli, busybox: str) -> Iterator[str]:
    """A running container that wrote a file, removed one, and has a volume; its name."""
    boxship("run", "-d", "--init", "--name", "writer", "-v", "/data", busybox, "sh", "-c", WRITE)
    wait_until(lambda: boxship("logs", "writer") == "done")
    yield "writer"
    boxship.run("rm", "-f", "-v", "writer")


def _inspect(daemon: Daemon, image: str) -> dict[str, Any]:
    shown: dict[str, Any] = daemon.get(f"/images/{image}/json")
    return shown


def test_commit_of_a_running_container(daemon: Daemon, boxship: Cli, written: str) -> None:
    before = daemon.get(f"/containers/{written}/json")
    image = boxship("commit", "-a", "Ann <ann@example.com>", "-m", "first", written, "made:1")
    shown = _inspect(daemon, "made:1")
    assert shown["Id"] == image
    assert shown["Author"] == "Ann <ann@example.com>"
    assert shown["Comment"] == "first"
    assert shown["Parent"] == before["Image"]
    assert shown["Config"]["Cmd"] == ["sh", "-c", WRITE]
    assert len(shown["RootFS"]["Layers"]) == 2
    (step, *_) = daemon.get("/images/made:1/history")
    assert step["CreatedBy"] == f"sh -c {WRITE}"
    assert step["Comment"] == "first"
    assert boxship("run", "--rm", image, "cat", "/x") == "hi"
    assert boxship.run("run", "--rm", image, "test", "-e", "/bin/vi").returncode == 1
    assert boxship("run", "--rm", "--entrypoint", "ls", image, "-A", "/data") == ""
    assert daemon.get(f"/containers/{written}/json")["State"]["Status"] == "running"
    boxship("rmi", "made:1")


def test_events_of_a_commit(daemon: Daemon, boxship: Cli, written: str) -> None:
    since = boxship("info", "--format", "{{.SystemTime}}")
    image = boxship("commit", "-m", "why", written, "made:events")
    until = boxship("info", "--format", "{{.SystemTime}}")
    lines = boxship(
        "events", "--since", since, "--until", until, "--format", "{{json .}}"
    ).splitlines()
    events = [json.loads(line) for line in lines]
    assert [(event["Type"], event["Action"]) for event in events] == [
        ("container", "pause"),
        ("container", "unpause"),
        ("image", "tag"),
        ("container", "commit"),
    ]
    attributes = events[-1]["Actor"]["Attributes"]
    assert attributes["comment"] == "why"
    assert attributes["imageID"] == image
    assert attributes["imageRef"] == "made:events"
    assert events[-1]["Actor"]["ID"] == daemon.get(f"/containers/{written}/json")["Id"]
    boxship("rmi", "made:events")


def test_a_commit_without_pause(boxship: Cli, written: str) -> None:
    since = boxship("info", "--format", "{{.SystemTime}}")
    image = boxship("commit", "--no-pause", written)
    until = boxship("info", "--format", "{{.SystemTime}}")
    seen = boxship("events", "--since", since, "--until", until, "--format", "{{.Action}}")
    assert seen.split() == ["commit"]
    boxship("rmi", image)


def test_a_paused_container_stays_paused(daemon: Daemon, boxship: Cli, written: str) -> None:
    boxship("pause", written)
    image = boxship("commit", written)
    assert daemon.get(f"/containers/{written}/json")["State"]["Status"] == "paused"
    boxship("unpause", written)
    boxship("rmi", image)


CHANGES = {
    "CMD": ['["a", "b"]', {"Cmd": ["a", "b"]}],
    "ENTRYPOINT": ['["e"]', {"Entrypoint": ["e"], "Cmd": None}],
    "ENV": ["A=1 B='two words'", {"Env": ["PATH=/bin", "A=1", "B=two words"]}],
    "EXPOSE": ["80 53/udp", {"ExposedPorts": {"80/tcp": {}, "53/udp": {}}}],
    "LABEL": ["one=1", {"Labels": {"one": "1"}}],
    "ONBUILD": ["RUN x", {"OnBuild": ["RUN x"]}],
    "STOPSIGNAL": ["SIGINT", {"StopSignal": "SIGINT"}],
    "USER": ["nobody", {"User": "nobody"}],
    "VOLUME": ["/v", {"Volumes": {"/v": {}}}],
    "WORKDIR": ["/w", {"WorkingDir": "/w"}],
    "HEALTHCHECK": [
        "--interval=5s CMD true",
        {"Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000}},
    ],
}


def test_all_changes(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    boxship("create", "--name", "still", "-e", "PATH=/bin", busybox, "sh")
    for word, (text, wanted) in CHANGES.items():
        image = boxship("commit", "-c", f"{word} {text}", "still")
        config = _inspect(daemon, image)["Config"]
        assert isinstance(wanted, dict)
        assert {key: config.get(key) for key in wanted} == wanted, word
        boxship("rmi", image)
    boxship("rm", "still")


def test_the_body_stands_above_the_container(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    boxship("create", "--name", "still", "-e", "A=1", "-e", "B=2", "-w", "/tmp", busybox, "sh")
    status, answer = daemon.request(
        "POST",
        "/commit?container=still&repo=made&tag=body&changes=USER+nobody",
        {"Env": ["B=3"], "Cmd": ["true"], "HostConfig": {"Memory": 1}},
    )
    assert status == 201
    config = _inspect(daemon, answer["Id"])["Config"]
    assert {"A=1", "B=3"} <= set(config["Env"])
    assert config["Cmd"] == ["true"]
    assert config["WorkingDir"] == "/tmp"
    assert config["User"] == "nobody"
    assert _inspect(daemon, "made:body")["Id"] == answer["Id"]
    boxship("rmi", "made:body")
    boxship("rm", "still")


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("container=nobody", 404, "No such container: nobody"),
        ("", 404, "No such container"),
        ("container=still&changes=FOO+x", 400, "foo is not a valid change command"),
        ("container=still&changes=ENV", 400, "ENV requires at least one argument"),
        ("container=still&repo=Upper", 400, "must be lowercase"),
        ("container=still&repo=a&tag=.bad", 400, "invalid tag format"),
        (f"container=still&repo=a@sha256:{'0' * 64}", 400, "cannot import digest reference"),
    ],
)
def test_refusals(
    daemon: Daemon, boxship: Cli, busybox: str, query: str, status: int, words: str
) -> None:
    boxship("create", "--name", "still", busybox, "sh")
    images = boxship("images", "-qa")
    answered, body = daemon.request("POST", f"/commit?{query}")
    assert (answered, words in body["message"]) == (status, True), body
    assert boxship("images", "-qa") == images
    boxship("rm", "still")


def test_a_commit_of_a_container_that_writes(boxship: Cli, busybox: str) -> None:
    """It is frozen meanwhile: both files of a pair are as old as each other, or nearly."""
    pair = "n=0; while :; do n=$((n+1)); echo $n > /a; mv /a /one; echo $n > /b; mv /b /two; done"
    boxship("run", "-d", "--init", "--name", "busy", busybox, "sh", "-c", pair)
    wait_until(lambda: boxship.run("exec", "busy", "test", "-s", "/two").returncode == 0)
    image = boxship("commit", "busy")
    one, two = boxship("run", "--rm", image, "cat", "/one", "/two").split()
    assert int(one) - int(two) in (0, 1)
    boxship("rm", "-f", "busy")
    boxship("rmi", image)


@pytest.mark.parametrize("target", ["/containers/still/export", "/images/busybox/get"])
def test_a_client_that_leaves_an_archive(
    daemon: Daemon, boxship: Cli, busybox: str, target: str
) -> None:
    boxship("create", "--name", "still", busybox, "sh")
    before = len(os.listdir(f"/proc/{daemon.pid}/fd"))
    for _ in range(5):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(daemon.socket))
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert client.recv(1000)
    wait_until(lambda: len(os.listdir(f"/proc/{daemon.pid}/fd")) <= before + 2)
    boxship("rm", "still")


def test_a_commit_without_changes_adds_no_layer(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    """As in Docker: what the engine itself put there for its mounts does not count."""
    layers = _inspect(daemon, busybox)["RootFS"]["Layers"]
    boxship("create", "--name", "still", busybox, "sh")
    boxship("run", "--name", "ran", busybox, "true")
    for name in ("still", "ran"):
        image = boxship("commit", "-c", "LABEL a=b", name)
        assert _inspect(daemon, image)["RootFS"]["Layers"] == layers
        history = daemon.get(f"/images/{image}/history")
        assert history[0]["Size"] == 0
        assert boxship("run", "--rm", image, "echo", "runs") == "runs"
        boxship("rm", name)
        boxship("rmi", image)


def test_a_directory_that_was_made_is_a_change(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    boxship("run", "--name", "ran", busybox, "mkdir", "/new")
    image = boxship("commit", "ran")
    assert len(_inspect(daemon, image)["RootFS"]["Layers"]) == 2
    assert boxship("run", "--rm", image, "ls", "-d", "/new") == "/new"
    boxship("rm", "ran")
    boxship("rmi", image)
