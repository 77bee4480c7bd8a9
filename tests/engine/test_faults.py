"""What can go wrong with a container: a status, a message with the cause, and nothing half done."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.registry import free_port
from tests.support.waiting import wait_until

FORK_BOMB = "(while :; do sleep 900 & done); exec sleep 900"
EATER = "tail /dev/zero"


def state(daemon: Daemon, container: str) -> Any:
    return daemon.get(f"/containers/{container}/json")["State"]


def wait_for_status(daemon: Daemon, container: str, status: str) -> Any:
    wait_until(lambda: bool(state(daemon, container)["Status"] == status))
    return state(daemon, container)


def everything(daemon: Daemon) -> tuple[list[str], list[str], list[str]]:
    """Names of containers, volumes and networks."""
    containers = [row["Id"] for row in daemon.get("/containers/json?all=1")]
    volumes = [row["Name"] for row in daemon.get("/volumes")["Volumes"] or ()]
    networks = [row["Name"] for row in daemon.get("/networks")]
    return sorted(containers), sorted(volumes), sorted(networks)


@pytest.fixture
def unchanged(daemon: Daemon) -> Iterator[None]:
    """The test must leave no container, volume or network behind."""
    before = everything(daemon)
    yield
    assert everything(daemon) == before


# Processes


def test_one_that_ignores_sigterm(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    script = "trap '' TERM; while :; do sleep 0.1; done"
    container = boxship("run", "-d", busybox, "sh", "-c", script)
    begin = time.monotonic()
    boxship("stop", "-t", "1", container)
    assert 1 <= time.monotonic() - begin < 5
    assert state(daemon, container)["ExitCode"] == 137
    boxship("rm", container)


def test_a_fork_bomb_stays_within_its_limit(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    limits = ("--pids-limit", "30", "--cpus", "0.5")
    container = boxship("run", "-d", *limits, busybox, "sh", "-c", FORK_BOMB)
    wait_until(lambda: len(daemon.get(f"/containers/{container}/top")["Processes"]) >= 29)
    assert len(daemon.get(f"/containers/{container}/top")["Processes"]) <= 30
    boxship("update", "--pids-limit", "40", container)
    assert boxship("exec", container, "echo", "room") == "room"
    boxship("stop", "-t", "0", container)
    boxship("rm", container)


def test_one_that_eats_all_its_memory(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    limits = ("--memory", "16m", "--memory-swap", "16m")
    container = boxship("run", "-d", *limits, busybox, "sh", "-c", f"exec {EATER}")
    found = wait_for_status(daemon, container, "exited")
    assert (found["OOMKilled"], found["ExitCode"]) == (True, 137)
    boxship("start", container)
    wait_for_status(daemon, container, "exited")
    boxship("rm", container)


def test_its_supervisor_is_killed(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    container = boxship("run", "-d", busybox, "sleep", "900")
    supervisor = _parent(state(daemon, container)["Pid"])
    os.kill(supervisor, signal.SIGKILL)
    found = wait_for_status(daemon, container, "exited")
    assert found["ExitCode"] == 137
    assert f"conmon, pid {supervisor}" in found["Error"]
    boxship("start", container)
    assert boxship("exec", container, "echo", "alive") == "alive"
    boxship("rm", "-f", container)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])


# Commands

PROGRAMS: dict[str, tuple[bytes, int]] = {
    "nointerpreter": (b"#!/no/such/shell\n", 0o755),
    "crlf": (b"#!/bin/sh\r\necho hi\r\n", 0o755),
    "noexec": (b"#!/bin/sh\necho hi\n", 0o644),
    "foreign": (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x0f\x00" + bytes(100), 0o755),
}
"""The foreign one is for PA-RISC, which nothing on the machine emulates."""


@pytest.fixture(scope="module")
def programs(scratch_root: Path) -> Path:
    directory = scratch_root / "programs"
    (directory / "directory").mkdir(parents=True)
    for name, (content, mode) in PROGRAMS.items():
        (directory / name).write_bytes(content)
        (directory / name).chmod(mode)
    return directory


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("command", "code", "cause"),
    [
        ("nothing-like-it", 127, "executable file not found"),
        ("/programs/missing", 127, "no such file or directory"),
        ("/programs/nointerpreter", 127, "/no/such/shell"),
        ("/programs/crlf", 127, "carriage return"),
        ("/programs/noexec", 126, "permission denied"),
        ("/programs/foreign", 126, "exec format error"),
        ("/programs/directory", 126, "is a directory"),
    ],
)
def test_a_command_that_cannot_be_executed(
    daemon: Daemon, boxship: Cli, busybox: str, programs: Path, command: str, code: int, cause: str
) -> None:
    mount = ("-v", f"{programs}:/programs")
    message = boxship.fails("run", "--rm", *mount, busybox, command, code=code)
    assert cause in message.lower()
    name = boxship("create", *mount, busybox, command)
    boxship.fails("start", name)
    found = state(daemon, name)
    assert (found["Status"], found["ExitCode"]) == ("created", code)
    assert cause in found["Error"].lower()
    boxship("rm", name)


# Names, ports, words


@pytest.mark.usefixtures("unchanged")
def test_a_name_in_use(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    first = boxship("create", "--name", "taken", busybox)
    body = {"Image": busybox, "Volumes": {"/data": {}}}
    status, answer = daemon.request("POST", "/containers/create?name=taken", body)
    assert status == 409
    assert f'The container name "/taken" is already in use by container "{first}"' in str(answer)
    boxship("rm", first)


def test_a_port_in_use_by_a_container(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    port = str(free_port())
    boxship("run", "-d", "--name", "owner", "-p", f"{port}:80", busybox, "sleep", "900")
    boxship("create", "--name", "rival", "-p", f"{port}:80", busybox, "sleep", "900")
    message = boxship.fails("start", "rival")
    assert f"Bind for 0.0.0.0:{port} failed: port is already allocated" in message
    assert "owner" in message
    assert state(daemon, "rival")["Status"] == "created"
    boxship("rm", "-f", "owner")
    boxship("start", "rival")
    boxship("rm", "-f", "rival")


@pytest.mark.usefixtures("unchanged")
def test_a_port_in_use_by_a_process(boxship: Cli, busybox: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        message = boxship.fails("run", "--rm", "-p", f"{port}:80", busybox, "true", code=125)
    assert str(port) in message
    assert f"pid {os.getpid()}" in message
    assert boxship("run", "--rm", "-p", f"{port}:80", busybox, "echo", "free") == "free"


NONSENSE: dict[str, tuple[dict[str, Any], str]] = {
    "port": ({"ExposedPorts": {"80000/tcp": {}}}, "80000"),
    "host port": ({"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "x"}]}}}, "x"),
    "protocol": ({"HostConfig": {"PortBindings": {"80/ipx": [{"HostPort": "1"}]}}}, "ipx"),
    "mount type": ({"HostConfig": {"Mounts": [{"Type": "cloud", "Target": "/x"}]}}, "cloud"),
    "mount target": (
        {"HostConfig": {"Mounts": [{"Type": "volume", "Target": "relative"}]}},
        "relative",
    ),
    "bind source": (
        {"HostConfig": {"Mounts": [{"Type": "bind", "Source": "/no/dir", "Target": "/x"}]}},
        "bind source path does not exist: /no/dir",
    ),
    "bind": ({"HostConfig": {"Binds": ["a:b:c:d"]}}, "a:b:c:d"),
    "memory": ({"HostConfig": {"Memory": 1}}, "memory"),
    "duration": ({"Healthcheck": {"Test": ["CMD", "true"], "Interval": 5}}, "Interval"),
    "restart": ({"HostConfig": {"RestartPolicy": {"Name": "often"}}}, "often"),
    "signal": ({"StopSignal": "SIGNOTHING"}, "SIGNOTHING"),
    "runtime": ({"HostConfig": {"Runtime": "warp"}}, "warp"),
    "json": ({"HostConfig": "no object"}, "HostConfig"),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_is_refused_and_changes_nothing(daemon: Daemon, busybox: str, what: str) -> None:
    body, word = NONSENSE[what]
    full = {"Image": busybox, "Volumes": {"/data": {}}, **body}
    status, answer = daemon.request("POST", "/containers/create?name=nonsense", full)
    assert status == 400, answer
    assert word.lower() in answer["message"].lower()


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "flags",
    [
        ("-p", "80:80:80:80:80"),
        ("-p", "99999:80"),
        ("--mount", "type=bind,source=/x"),
        ("--mount", "type=bind,source=/no/such/dir,target=/x"),
        ("-m", "lots"),
        ("-m", "1k"),
        ("--health-cmd", "true", "--health-interval", "soon"),
        ("-v", "relative/dir:/x"),
    ],
)
def test_nonsense_on_the_command_line(boxship: Cli, busybox: str, flags: tuple[str, ...]) -> None:
    assert boxship.fails("run", *flags, busybox, "true", code=125)


@pytest.mark.usefixtures("unchanged")
def test_a_bind_source_is_created_for_v(boxship: Cli, busybox: str, scratch: Path) -> None:
    source = scratch / "new" / "dir"
    boxship("run", "--rm", "-v", f"{source}:/x", busybox, "touch", "/x/file")
    assert (source / "file").exists()
