"""What the next engine starts and removes of what the one before left: Docker's rules."""

import os
import signal
import subprocess
from typing import Any

import pytest

from tests.support.cli import Cli, boxship_cli
from tests.support.daemon import Daemon
from tests.support.fixtures import StartDaemon
from tests.support.waiting import wait_until


@pytest.fixture
def daemon(start_daemon: StartDaemon) -> Daemon:
    return start_daemon()


@pytest.fixture
def cli(daemon: Daemon) -> Cli:
    cli = boxship_cli(daemon.host, daemon.scratch / "home")
    cli("pull", "busybox")
    return cli


def inspect(daemon: Daemon, container: str) -> Any:
    return daemon.get(f"/containers/{container}/json")


def wait_for_status(daemon: Daemon, container: str, status: str) -> Any:
    wait_until(lambda: inspect(daemon, container)["State"]["Status"] == status)
    return inspect(daemon, container)


def restart_while(daemon: Daemon, pids: list[int]) -> None:
    """The processes end while no engine runs."""
    daemon.kill()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        subprocess.run(["tail", f"--pid={pid}", "-f", "/dev/null"], check=True, timeout=30)
    daemon.start()


def test_what_is_started(daemon: Daemon, cli: Cli) -> None:
    """Docker: always starts whatever it finds, unless-stopped not what a user stopped."""
    made = {
        ("always", "stopped"): "running",
        ("unless-stopped", "stopped"): "exited",
        ("on-failure", "stopped"): "exited",
        ("no", "stopped"): "exited",
        ("always", "lost"): "running",
        ("unless-stopped", "lost"): "running",
        ("on-failure", "lost"): "running",
        ("no", "lost"): "exited",
        ("always", "created"): "created",
    }
    for policy, end in made:
        verb = ("create",) if end == "created" else ("run", "-d")
        options = ("--name", f"{policy}-{end}", "--restart", policy)
        cli(*verb, *options, "busybox", "sh", "-c", "trap exit TERM; while :; do sleep 0.1; done")
        if end == "stopped":
            cli("stop", "-t", "0", f"{policy}-{end}")
    pids = [inspect(daemon, f"{p}-{e}")["State"]["Pid"] for p, e in made if e == "lost"]
    restart_while(daemon, pids)
    for (policy, end), status in made.items():
        name = f"{policy}-{end}"
        found = wait_for_status(daemon, name, status)
        assert found["State"]["Error"] == ""
        assert found["RestartCount"] == (1 if status == "running" and end == "lost" else 0)
        if end == "lost" and status == "exited":
            assert found["State"]["ExitCode"] == 137


def test_what_is_removed(daemon: Daemon, cli: Cli) -> None:
    container = cli("run", "-d", "--rm", "-v", "/data", "busybox", "sleep", "900")
    restart_while(daemon, [inspect(daemon, container)["State"]["Pid"]])
    assert cli("ps", "-aq") == ""
    assert cli("volume", "ls", "-q") == ""
