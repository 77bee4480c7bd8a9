"""When a container that ended is started again."""

import json
import os
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon

PATIENCE = 30.0


@pytest.fixture
def run(boxship: Cli, busybox: str) -> Callable[..., str]:
    def start(script: str, *options: str) -> str:
        return boxship("run", "-d", *options, busybox, "sh", "-c", script)

    return start


def inspect(daemon: Daemon, container: str) -> Any:
    return daemon.get(f"/containers/{container}/json")


def wait_for(daemon: Daemon, container: str, **wanted: object) -> Any:
    """Wait until inspect shows these values, of the state or of the whole."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = inspect(daemon, container)
        seen = {**found["State"], "RestartCount": found["RestartCount"]}
        if all(seen[name] == value for name, value in wanted.items()):
            return found
        assert time.monotonic() < deadline, seen
        time.sleep(0.01)  # the events would do, but a state is what is meant


def starts(boxship: Cli, container: str) -> list[int]:
    """When it was started so far, in nanoseconds."""
    until = f"{time.time():.9f}"
    flags = ["--since", "10m", "--until", until, "--filter", f"container={container}"]
    lines = boxship("events", *flags, "--filter", "event=start", "--format", "{{json .}}")
    return [json.loads(line)["timeNano"] for line in lines.splitlines()]


def test_the_back_off_doubles(daemon: Daemon, boxship: Cli, run: Callable[..., str]) -> None:
    container = run("exit 4", "--restart", "on-failure:4")
    found = wait_for(daemon, container, Status="exited", RestartCount=4)
    assert found["State"]["ExitCode"] == 4
    gaps = [(later - earlier) / 1e9 for earlier, later in pairwise(starts(boxship, container))]
    assert len(gaps) == 4
    for gap, least in zip(gaps, (0.1, 0.2, 0.4, 0.8), strict=True):
        assert least <= gap < least + 2


def test_a_start_by_hand_counts_anew(daemon: Daemon, boxship: Cli, run: Callable[..., str]) -> None:
    container = run("exit 4", "--restart", "on-failure:1")
    wait_for(daemon, container, Status="exited", RestartCount=1)
    boxship("start", container)
    wait_for(daemon, container, Status="exited", RestartCount=1)
    assert len(starts(boxship, container)) == 4


@pytest.mark.parametrize(("policy", "code"), [("no", 1), ("on-failure", 0)])
def test_what_stays_ended(daemon: Daemon, run: Callable[..., str], policy: str, code: int) -> None:
    container = run(f"exit {code}", "--restart", policy)
    assert wait_for(daemon, container, Status="exited", ExitCode=code)["RestartCount"] == 0


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure"])
def test_a_process_that_is_killed_is_started_again(
    daemon: Daemon, run: Callable[..., str], policy: str
) -> None:
    container = run("exec sleep 900", "--restart", policy)
    os.kill(inspect(daemon, container)["State"]["Pid"], signal.SIGKILL)
    wait_for(daemon, container, Status="running", RestartCount=1, ExitCode=0)


@pytest.mark.parametrize("verb", [("stop", "-t", "0"), ("kill",)])
@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure"])
def test_what_a_user_ended_stays_ended(
    daemon: Daemon, boxship: Cli, run: Callable[..., str], policy: str, verb: tuple[str, ...]
) -> None:
    container = run("exec sleep 900", "--restart", policy)
    boxship(*verb, container)
    found = wait_for(daemon, container, Status="exited")
    assert (found["State"]["ExitCode"], found["RestartCount"]) == (137, 0)
    boxship("start", container)
    os.kill(inspect(daemon, container)["State"]["Pid"], signal.SIGKILL)
    wait_for(daemon, container, Status="running", RestartCount=1)


def test_a_stop_during_the_back_off(daemon: Daemon, boxship: Cli, run: Callable[..., str]) -> None:
    container = run("exit 1", "--restart", "always")
    wait_for(daemon, container, Status="restarting", RestartCount=4)
    boxship("stop", container)
    assert inspect(daemon, container)["State"]["Status"] == "exited"
    count = len(starts(boxship, container))
    boxship("start", container)
    wait_for(daemon, container, RestartCount=1)
    boxship("rm", "-f", container)
    assert count == 5


def test_the_policy_can_be_changed(daemon: Daemon, boxship: Cli, run: Callable[..., str]) -> None:
    container = run("sleep 0.5; exit 1")
    boxship("update", "--restart", "on-failure:2", container)
    wait_for(daemon, container, Status="exited", RestartCount=2)
    assert "invalid restart policy" in boxship.fails("update", "--restart", "sometimes", container)
    assert inspect(daemon, container)["HostConfig"]["RestartPolicy"] == {
        "Name": "on-failure",
        "MaximumRetryCount": 2,
    }
