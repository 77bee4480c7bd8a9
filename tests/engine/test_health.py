"""Health checks that really run."""

import json
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.waiting import wait_until

FAST = ("--health-interval", "50ms", "--health-retries", "2")


def state(daemon: Daemon, container: str) -> Any:
    return daemon.get(f"/containers/{container}/json")["State"]


def wait_for_health(daemon: Daemon, container: str, wanted: str) -> Any:
    def seen() -> Any:
        return state(daemon, container)["Health"]

    wait_until(lambda: seen()["Status"] == wanted, seen)
    return seen()


@pytest.fixture
def name(boxship: Cli) -> Iterator[str]:
    yield "probed"
    boxship.run("rm", "-f", "probed")


def run(boxship: Cli, name: str, busybox: str, *options: str) -> str:
    return boxship("run", "-d", "--name", name, *FAST, *options, busybox, "sleep", "1000")


def test_it_follows_the_probe(daemon: Daemon, boxship: Cli, busybox: str, name: str) -> None:
    container = run(boxship, name, busybox, "--health-cmd", "cat /alive; echo told >&2")
    assert state(daemon, name)["Health"]["Status"] in ("starting", "healthy")
    boxship("exec", name, "sh", "-c", "rm -f /alive")
    healthy = wait_for_health(daemon, name, "healthy")
    assert healthy["FailingStreak"] == 0
    assert "told" in healthy["Log"][-1]["Output"]
    assert healthy["Log"][-1]["ExitCode"] == 0
    assert "(healthy)" in boxship("ps", "--filter", "health=healthy", "--format", "{{.Status}}")
    boxship("stop", "-t", "0", name)
    assert state(daemon, name)["Health"]["Status"] == "unhealthy"
    assert "health" not in boxship("ps", "-a", "--format", "{{.Status}}")
    until = f"{time.time():.9f}"
    lines = boxship(
        "events", "--since", "5m", "--until", until, "--filter", f"container={container}",
        "--filter", "event=health_status", "--format", "{{json .}}",
    )  # fmt: skip
    assert [json.loads(line)["Action"] for line in lines.splitlines()] == ["health_status: healthy"]


def test_a_failing_probe(daemon: Daemon, boxship: Cli, busybox: str, name: str) -> None:
    run(boxship, name, busybox, "--health-cmd", "echo broken; test -e /fixed")
    health = wait_for_health(daemon, name, "unhealthy")
    assert health["FailingStreak"] >= 2
    assert health["Log"][-1] | {"Start": "", "End": ""} == {
        "Start": "",
        "End": "",
        "ExitCode": 1,
        "Output": "broken\n",
    }
    boxship("exec", name, "touch", "/fixed")
    wait_for_health(daemon, name, "healthy")


def test_a_probe_that_never_ends(daemon: Daemon, boxship: Cli, busybox: str, name: str) -> None:
    options = ("--health-timeout", "100ms", "--health-cmd", "sleep 4321; true")
    run(boxship, name, busybox, *options)
    health = wait_for_health(daemon, name, "unhealthy")
    assert health["Log"][-1]["ExitCode"] == -1
    assert health["Log"][-1]["Output"] == "Health check exceeded timeout (100ms)"
    boxship("pause", name)  # no probe begins now
    boxship("unpause", name)
    boxship("stop", "-t", "0", name)


def test_what_cannot_be_executed(daemon: Daemon, boxship: Cli, busybox: str, name: str) -> None:
    body = {
        "Image": busybox,
        "Cmd": ["sleep", "1000"],
        "Healthcheck": {"Test": ["CMD", "/no/such"], "Interval": 50_000_000, "Retries": 1},
    }
    status, _ = daemon.request("POST", f"/containers/create?name={name}", body)
    assert status == 201
    boxship("start", name)
    health = wait_for_health(daemon, name, "unhealthy")
    assert health["Log"][-1]["ExitCode"] == -1
    assert "no such file or directory" in health["Log"][-1]["Output"]


def test_much_output_is_cut(daemon: Daemon, boxship: Cli, busybox: str, name: str) -> None:
    run(boxship, name, busybox, "--health-cmd", "yes | head -c 100000")
    output = wait_for_health(daemon, name, "healthy")["Log"][-1]["Output"]
    assert len(output) == 4096
    assert output.endswith("...")


def test_none_switches_it_off(daemon: Daemon, boxship: Cli, busybox: str, name: str) -> None:
    boxship("run", "-d", "--name", name, "--no-healthcheck", busybox, "sleep", "1000")
    assert "Health" not in state(daemon, name)


@pytest.mark.parametrize(
    "probe", [("--health-http", "80/ready"), ("--health-http", "http://127.0.0.1/ready")]
)
def test_http_from_outside(
    daemon: Daemon, boxship: Cli, busybox: str, name: str, probe: tuple[str, str]
) -> None:
    serve = "mkdir /w; httpd -f -p 80 -h /w"
    boxship("run", "-d", "--name", name, *FAST, *probe, busybox, "sh", "-c", serve)
    unhealthy = wait_for_health(daemon, name, "unhealthy")
    assert "HTTP 404 Not Found" in unhealthy["Log"][-1]["Output"]
    boxship("exec", name, "sh", "-c", "echo yes >/w/ready")
    assert wait_for_health(daemon, name, "healthy")["Log"][-1]["Output"] == "HTTP 200 OK\nyes\n"


def test_tcp_from_outside(daemon: Daemon, boxship: Cli, busybox: str, name: str) -> None:
    serve = "while ! test -e /go; do usleep 10000; done; httpd -f -p 7"
    tcp = ("--health-tcp", "7")
    boxship("run", "-d", "--name", name, *FAST, *tcp, busybox, "sh", "-c", serve)
    refused = wait_for_health(daemon, name, "unhealthy")["Log"][-1]
    assert refused["Output"] == "localhost:7: Connection refused"
    boxship("exec", name, "touch", "/go")
    wait_for_health(daemon, name, "healthy")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--health-http", "ftp://x"), "invalid address of a health check: ftp://x"),
        (("--health-tcp", "odd"), "invalid address of a health check: odd"),
        (("--health-tcp", "1", "--health-cmd", "x"), "give only one of --health-cmd"),
    ],
)
def test_bad_probes(boxship: Cli, busybox: str, options: tuple[str, ...], told: str) -> None:
    assert told in boxship.fails("create", *options, busybox)


def test_restart_when_unhealthy(daemon: Daemon, boxship: Cli, busybox: str, name: str) -> None:
    policy = ("--restart", "on-unhealthy:2", "--stop-timeout", "0")
    run(boxship, name, busybox, *policy, "--health-cmd", "test ! -e /sick")

    def restarts() -> int:
        return int(daemon.get(f"/containers/{name}/json")["RestartCount"])

    def has_restarted(times: int) -> bool:
        return restarts() == times and state(daemon, name)["Running"]

    for number in (1, 2):
        wait_for_health(daemon, name, "healthy")
        boxship("exec", name, "touch", "/sick")
        wait_until(partial(has_restarted, number))
        boxship("exec", name, "rm", "/sick")
    wait_for_health(daemon, name, "healthy")
    boxship("exec", name, "touch", "/sick")
    wait_for_health(daemon, name, "unhealthy")
    assert state(daemon, name)["Running"]
    assert restarts() == 2
