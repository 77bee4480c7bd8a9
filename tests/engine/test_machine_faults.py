"""The machine lets the engine down: a full disk, a runtime that is gone."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import Cli, boxship_cli
from tests.support.daemon import Daemon
from tests.support.fixtures import StartDaemon
from tests.support.waiting import wait_until

COUNTER = "i=0; while :; do echo line $i; i=$((i+1)); usleep 2000; done"


class SmallDisk:
    """A data root of a few mebibytes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / "ballast"

    def mount(self) -> None:
        """Make it."""
        self.root.mkdir()
        flags = ["-t", "tmpfs", "-o", "size=24m,mode=711", "tmpfs", str(self.root)]
        subprocess.run(["mount", *flags], check=True)

    def unmount(self) -> None:
        """Give it back."""
        subprocess.run(["umount", str(self.root)], check=True)

    def fill(self) -> None:
        """Leave not a byte free."""
        with self._ballast.open("wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def free(self) -> None:
        """Take the ballast away."""
        self._ballast.unlink()


@pytest.fixture
def disk(scratch: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(scratch / "disk")
    disk.mount()
    yield disk
    disk.unmount()


@pytest.fixture
def full(disk: SmallDisk, scratch: Path, mirror: dict[str, object]) -> Iterator[Daemon]:
    """A daemon on the small disk."""
    daemon = Daemon(scratch / "daemon", config=mirror)
    daemon.data_root = disk.root / "data"
    daemon.start()
    yield daemon
    daemon.destroy()


@pytest.fixture
def cli(full: Daemon) -> Cli:
    return boxship_cli(full.host, full.scratch / "home")


def test_a_disk_fills_up(full: Daemon, cli: Cli, disk: SmallDisk) -> None:
    cli("pull", "busybox")
    cli("run", "-d", "--name", "talker", "busybox", "sh", "-c", COUNTER)
    cli("create", "--name", "sleeper", "busybox", "sleep", "900")
    pid = full.get("/containers/talker/json")["State"]["Pid"]
    disk.fill()
    cli("rename", "sleeper", "slept")  # the engine has kept some room for its state
    disk.fill()
    for request in (
        ("POST", "/containers/create?name=late", {"Image": "busybox"}),
        ("POST", "/containers/slept/start", None),
        ("POST", "/volumes/create", {"Name": "late"}),
    ):
        status, answer = full.request(*request)
        assert status == 500, (request, answer)
        words = str(answer).lower()
        assert "full" in words or "no space left" in words, (request, answer)
    assert {row["Names"][0] for row in full.get("/containers/json?all=1")} == {
        "/talker",
        "/slept",
    }
    assert full.get("/containers/talker/json")["State"]["Pid"] == pid
    assert cli("logs", "--tail", "1", "talker").startswith("line ")
    disk.free()
    cli("start", "slept")
    assert cli("exec", "talker", "echo", "alive") == "alive"
    wait_until(lambda: _last_line(cli) != _last_line(cli))
    cli("create", "--name", "late", "busybox")
    cli("rm", "-f", "talker", "slept", "late")


def _last_line(cli: Cli) -> str:
    return cli("logs", "--tail", "1", "talker")


def test_no_room_for_an_image(full: Daemon, cli: Cli, disk: SmallDisk) -> None:
    disk.fill()
    message = cli.fails("pull", "busybox")
    assert "full" in message or "no space left" in message
    disk.free()
    assert full.get("/images/json") == []
    cli("pull", "busybox")
    assert cli("run", "--rm", "busybox", "echo", "fine") == "fine"


def test_a_daemon_starts_on_a_full_disk(full: Daemon, cli: Cli, disk: SmallDisk) -> None:
    cli("pull", "busybox")
    cli("run", "-d", "--name", "sleeper", "busybox", "sleep", "900")
    full.kill()
    disk.fill()
    full.start()
    assert full.get("/containers/sleeper/json")["State"]["Running"]
    assert cli("exec", "sleeper", "echo", "alive") == "alive"
    cli("kill", "sleeper")
    wait_until(lambda: not full.get("/containers/sleeper/json")["State"]["Running"])
    cli("rm", "sleeper")
    cli("rmi", "busybox")
    disk.free()


def test_the_runtime_is_gone(start_daemon: StartDaemon, scratch: Path) -> None:
    own = scratch / "crun"
    own.symlink_to("/usr/bin/crun")
    runtimes = {"runtimes": {"own": {"path": str(own)}}, "default-runtime": "own"}
    daemon = start_daemon(config=runtimes)
    cli = boxship_cli(daemon.host, daemon.scratch / "home")
    cli("pull", "busybox")
    cli("run", "-d", "--name", "old", "busybox", "sleep", "900")
    own.unlink()
    message = cli.fails("run", "-d", "--name", "new", "busybox", "sleep", "900")
    assert str(own) in message
    daemon.kill()
    daemon.start()
    assert daemon.get("/containers/old/json")["State"]["Running"]
    message = cli.fails("run", "-d", "--name", "newer", "busybox", "sleep", "900")
    assert str(own) in message
    cli("stop", "-t", "0", "old")
    own.symlink_to("/usr/bin/crun")
    daemon.restart()
    cli("start", "old")
    assert cli("exec", "old", "echo", "alive") == "alive"
