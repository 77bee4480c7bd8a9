"""kill -9 of the daemon, again and again, harms no container and loses nothing."""

import http.client
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Cli, boxship_cli
from tests.support.daemon import Daemon
from tests.support.fixtures import StartDaemon
from tests.support.waiting import wait_until

KILLS = 20
COUNTER = "i=0; while :; do echo $i; i=$((i+1)); usleep 40000; done"
TICKER = "i=0; while :; do echo $i > /tick; i=$((i+1)); usleep 40000; done"
SERVER = "echo up > /index.html; exec httpd -f -p 80 -h /"
QUITTER = "echo begin; sleep 0.4; exit"
COUNTERS = ("count0", "count1", "terminal")
SERVERS = {"web0": 8081, "web1": 8082}


class Churn:
    """A client that makes, uses and removes containers all the time, whatever answers it gets."""

    def __init__(self, daemon: Daemon, seed: int) -> None:
        self._daemon = daemon
        self._chance = random.Random(seed)
        self._seed = seed
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.refused: list[Any] = []
        """Server errors: there must be none, however often the server goes away."""

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
            name = f"churn{self._seed}-{number}"
            body = {"Image": "busybox", "Cmd": ["sleep", "900"], "Volumes": {"/data": {}}}
            self._ask("POST", f"/containers/create?name={name}", body)
            self._ask("POST", f"/containers/{name}/start")
            for verb in self._chance.sample(["stop?t=0", "kill", "pause", "restart?t=0"], 2):
                self._ask("POST", f"/containers/{name}/{verb}")
            self._ask("DELETE", f"/containers/{name}?force=1&v=1")

    def _ask(self, method: str, target: str, body: object = None) -> None:
        with suppress(OSError, http.client.HTTPException):
            status, answer = self._daemon.request(method, target, body)
            if status >= 500:
                self.refused.append((method, target, status, answer))


@dataclass
class Town:
    """Ten containers that go about their business."""

    daemon: Daemon
    cli: Cli
    gate: Path

    def populate(self) -> None:
        """Start them all."""
        for name in COUNTERS[:2]:
            self.run(name, COUNTER)
        self.run("terminal", COUNTER, "-t")
        for name, port in SERVERS.items():
            self.run(name, SERVER, "-p", f"{port}:80")
        self.run("failing", f"{QUITTER} 3", "--restart", "on-failure")
        self.run("again", f"{QUITTER} 0", "--restart", "always")
        self.run("paused", COUNTER)
        self.cli("pause", "paused")
        self.run("busy", "exec sleep 9000")
        self.cli("exec", "-d", "busy", "sh", "-c", TICKER)
        self.run("idle", "exec sleep 9000", "--network", "none", "--init")

    def run(self, name: str, script: str, *options: str) -> None:
        """Start a container in the background."""
        self.cli("run", "-d", "--name", name, *options, "busybox", "sh", "-c", script)

    def inspect(self, name: str) -> Any:
        """What the engine says of one."""
        return self.daemon.get(f"/containers/{name}/json")

    def wait_for_restart(self, name: str) -> None:
        """Wait for one more than there were."""
        before = self.inspect(name)["RestartCount"]
        wait_until(lambda: bool(self.inspect(name)["RestartCount"] > before))

    def wait_for_exit(self, name: str) -> None:
        """Wait until it has ended for good."""
        wait_until(lambda: bool(self.inspect(name)["State"]["Status"] == "exited"))

    def lives(self) -> dict[str, tuple[str, int, str]]:
        """Status, process and start time of those that never end."""
        steady = (*COUNTERS, *SERVERS, "paused", "busy", "idle")
        states = {name: self.inspect(name)["State"] for name in steady}
        return {n: (s["Status"], s["Pid"], s["StartedAt"]) for n, s in states.items()}

    def check_servers(self) -> None:
        """Published ports answer."""
        for port in SERVERS.values():
            for address in ("127.0.0.1", "::1"):
                connection = http.client.HTTPConnection(address, port, timeout=10)
                connection.request("GET", "/")
                assert connection.getresponse().read() == b"up\n"
                connection.close()

    def tick(self) -> int:
        """What the process that was executed in ``busy`` has counted up to."""
        text = self.cli("exec", "busy", "cat", "/tick")
        return int(text or -1)  # empty while it is being written

    @contextmanager
    def leaver(self, number: int) -> Iterator[str]:
        """A container that ends with status ``number`` as soon as the block begins."""
        name = f"leaver{number}"
        script = f"until [ -e /gate/{number} ]; do usleep 5000; done; echo bye; exit {number}"
        self.run(name, script, "-v", f"{self.gate}:/gate")
        pid = self.inspect(name)["State"]["Pid"]
        self.daemon.kill()
        (self.gate / str(number)).touch()
        yield name
        subprocess.run(["tail", f"--pid={pid}", "-f", "/dev/null"], check=True, timeout=30)


@pytest.fixture
def town(start_daemon: StartDaemon) -> Town:
    daemon = start_daemon()
    cli = boxship_cli(daemon.host, daemon.scratch / "home")
    cli("pull", "busybox")
    gate = daemon.scratch / "gate"
    gate.mkdir()
    return Town(daemon, cli, gate)


@pytest.mark.timeout(300)
def test_ten_containers_outlive_twenty_kills(town: Town) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    town.populate()
    lives, ticks = town.lives(), town.tick()
    moments = random.Random(seed)
    with Churn(town.daemon, seed) as churn:
        for number in range(1, KILLS + 1):
            time.sleep(moments.uniform(0.0, 0.5))  # the random moment, not a wait
            with town.leaver(number) as leaver:
                town.check_servers()
            town.daemon.start()
            assert town.lives() == lives
            state = town.inspect(leaver)["State"]
            assert (state["Status"], state["ExitCode"], state["Error"]) == ("exited", number, "")
            assert town.cli("logs", leaver) == "bye"
            town.check_servers()
    assert churn.refused == []
    wait_until(lambda: town.tick() > ticks)
    _check_names(town)
    _check_restarts(town)
    _check_streams(town)
    for name in lives:
        town.cli("stop", "-t", "0", name)
        # An init process hands SIGTERM on, and may be quicker than the SIGKILL behind it.
        codes = {137, 143} if name == "idle" else {137}
        assert town.inspect(name)["State"]["ExitCode"] in codes
    _check_logs(town)


def _check_names(town: Town) -> None:
    """Nothing is there twice, nothing that nobody made."""
    rows = town.daemon.get("/containers/json?all=1")
    names = sorted(name for row in rows for name in row["Names"])
    assert len(names) == len(rows) == len(set(names))
    ours = [name for name in names if not name.startswith("/churn")]
    assert len(ours) == 10 + KILLS
    for row in rows:
        if row["Names"][0] in ours:
            continue
        state = town.inspect(row["Id"])["State"]
        assert state["Status"] in ("created", "running", "paused", "exited"), state


def _check_restarts(town: Town) -> None:
    """Policies go on, and no start was counted less than once."""
    for name in ("failing", "again"):
        town.wait_for_restart(name)
        town.cli("update", "--restart", "no", name)
        town.wait_for_exit(name)
        found = town.inspect(name)
        assert found["State"]["ExitCode"] == {"failing": 3, "again": 0}[name]
        starts = town.cli("logs", name).split()
        assert set(starts) == {"begin"}
        assert 3 < len(starts) <= found["RestartCount"] + 1


def _check_streams(town: Town) -> None:
    """Clients can join again."""
    town.cli("unpause", "paused")
    for name in (*COUNTERS, "paused"):
        assert town.cli("exec", name, "echo", "alive") == "alive"
        with town.cli.start("attach", "--no-stdin", "--sig-proxy=false", name) as client:
            assert client.stdout is not None
            first, second = (int(client.stdout.readline()) for _ in range(2))
            assert second == first + 1
            client.terminate()


def _check_logs(town: Town) -> None:
    """No line is missing, none is there twice."""
    for name in (*COUNTERS, "paused"):
        lines = town.cli("logs", name).split()
        assert lines == [str(number) for number in range(len(lines))]
        assert len(lines) > 2


def test_a_follower_is_sent_away_and_finds_the_rest_of_the_log(town: Town) -> None:
    town.run("count", COUNTER)
    with town.cli.start("logs", "-f", "count") as follower:
        assert follower.stdout is not None
        seen = [follower.stdout.readline()]
        town.daemon.kill()
        seen += follower.stdout.readlines()
    town.daemon.start()
    town.cli("stop", "-t", "0", "count")
    lines = town.cli("logs", "count").split()
    assert lines == [str(number) for number in range(len(lines))]
    assert b"".join(seen).split() == [line.encode() for line in lines[: len(seen)]]


def test_a_pause_that_was_not_noted_is_found(town: Town) -> None:
    """The freezer is asked what is true: the engine may die between the act and its result."""
    town.run("count", COUNTER)
    switch, word = _freezer(town.inspect("count")["State"]["Pid"])
    town.daemon.kill()
    switch.write_text(word)
    town.daemon.start()
    assert town.inspect("count")["State"]["Status"] == "paused"
    town.cli("unpause", "count")
    town.cli("stop", "-t", "0", "count")


def _freezer(pid: int) -> tuple[Path, str]:
    """The file that freezes a process's control group, and what to write to it."""
    groups = dict(
        line.split(":", 2)[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    )
    if "freezer" in groups:
        return Path(f"/sys/fs/cgroup/freezer{groups['freezer']}/freezer.state"), "FROZEN"
    return Path(f"/sys/fs/cgroup{groups['']}/cgroup.freeze"), "1"
