"""kill -9 of the daemon, again and again, harms no container and loses nothing."""

import random
import subprocess
import threading
import time

import pytest

from tests.support.cli import Cli, boxship_cli
from tests.support.daemon import Daemon
from tests.support.fixtures import StartDaemon

CONTAINERS = 10
KILLS = 20
COUNTER = "i=0; while :; do echo $i; i=$((i+1)); usleep 10000; done"


class Churn:
    """Somebody who creates and removes containers all the time, whatever answers he gets."""

    def __init__(self, cli: Cli) -> None:
        self._cli = cli
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> "Churn":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            self._cli.run("run", "-d", "--name", f"churn{number}", "busybox", "sleep", "900")
            self._cli.run("rm", "-f", f"churn{number}")


@pytest.mark.timeout(300)
def test_ten_containers_outlive_twenty_kills(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    cli = boxship_cli(daemon.host, daemon.scratch / "home")
    cli("pull", "busybox")
    names = [f"c{number}" for number in range(CONTAINERS)]
    for name in names:
        cli(
            "run", "-d", "--name", name, "--log-driver", "json-file", "busybox", "sh", "-c", COUNTER
        )
    pids = {name: _inspect(daemon, name)["State"]["Pid"] for name in names}
    moments = random.Random(4711)
    with Churn(cli):
        for _ in range(KILLS):
            time.sleep(moments.uniform(0.0, 0.4))  # the random moment, not a wait
            daemon.kill()
            daemon.start()
    for name in names:
        state = _inspect(daemon, name)["State"]
        assert (state["Status"], state["Pid"]) == ("running", pids[name])
        assert cli("exec", name, "echo", "alive") == "alive"
        cli("stop", "-t", "0", name)
        assert _inspect(daemon, name)["State"]["ExitCode"] == 137
        lines = cli("logs", name).split()
        assert lines == [str(number) for number in range(len(lines))]
        assert len(lines) > KILLS


def test_an_exit_while_the_daemon_is_away_is_known_afterwards(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    cli = boxship_cli(daemon.host, daemon.scratch / "home")
    cli("pull", "busybox")
    gate = daemon.scratch / "gate"
    gate.mkdir()
    script = "until [ -e /gate/open ]; do usleep 10000; done; echo bye; exit 9"
    mount = f"{gate}:/gate"
    cli("run", "-d", "--name", "leaver", "-v", mount, "busybox", "sh", "-c", script)
    pid = _inspect(daemon, "leaver")["State"]["Pid"]
    daemon.kill()
    (gate / "open").touch()
    subprocess.run(["tail", f"--pid={pid}", "-f", "/dev/null"], check=True, timeout=30)
    daemon.start()
    state = _inspect(daemon, "leaver")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 9)
    assert cli("logs", "leaver") == "bye"


def test_restart_policies_go_on_after_a_kill(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    cli = boxship_cli(daemon.host, daemon.scratch / "home")
    cli("pull", "busybox")
    cli("run", "-d", "--name", "always", "--restart", "always", "busybox", "sleep", "900")
    cli("run", "-d", "--name", "manual", "--restart", "unless-stopped", "busybox", "sleep", "900")
    cli("stop", "-t", "0", "always")
    cli("stop", "-t", "0", "manual")
    daemon.kill()
    daemon.start()
    starts = ("--filter", "container=always", "--filter", "event=start", "--format", "{{.Action}}")
    with cli.start("events", "--since", "1m", *starts) as stream:
        assert stream.stdout is not None
        assert [stream.stdout.readline() for _ in range(2)] == [b"start\n"] * 2
        stream.terminate()
    assert _inspect(daemon, "always")["State"]["Status"] == "running"
    assert _inspect(daemon, "manual")["State"]["Status"] == "exited"


def test_a_second_daemon_on_the_same_data_root_is_refused(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    second = [*daemon.command(), f"--host=unix://{daemon.scratch}/second.sock"]
    done = subprocess.run(second, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert str(daemon.pid) in done.stderr


def _inspect(daemon: Daemon, name: str) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = daemon.get(f"/containers/{name}/json")
    return found
