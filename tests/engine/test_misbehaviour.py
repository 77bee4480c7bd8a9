"""Containers that do what no container should: the engine stays as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.usage import returns_to, usage
from tests.support.waiting import wait_until

LINE_BYTES = 100 * 1024 * 1024
ORPHANS = "for i in 1 2 3 4 5; do (usleep 50000 &) ; done"


@pytest.fixture(autouse=True)
def nothing_more_is_held(daemon: Daemon, busybox: str) -> Iterator[None]:
    assert busybox
    before = usage(daemon)
    yield
    returns_to(daemon, before)


def test_a_line_without_an_end(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    script = f"head -c {LINE_BYTES} /dev/zero | tr '\\0' x; echo; echo done"
    container = boxship("run", "-d", busybox, "sh", "-c", script)
    assert boxship("wait", container) == "0"
    assert boxship("logs", "--tail", "1", container) == "done"
    assert daemon.request("GET", "/_ping")[0] == 200
    boxship("rm", container)


def test_one_that_closes_its_output(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    container = boxship("run", "-d", busybox, "sh", "-c", "echo one; exec >&- 2>&-; sleep 900")
    wait_until(lambda: boxship("logs", container) == "one")
    assert daemon.get(f"/containers/{container}/json")["State"]["Running"]
    assert boxship("exec", container, "echo", "alive") == "alive"
    boxship("rm", "-f", container)


@pytest.mark.parametrize("name", ["KILL", "SEGV", "TERM"])
def test_one_that_kills_its_own_first_process(boxship: Cli, busybox: str, name: str) -> None:
    """The kernel spares a first process what its own namespace sends and it does not handle."""
    script = f"kill -{name} 1; echo still here"
    assert boxship("run", "--rm", busybox, "sh", "-c", script) == "still here"


@pytest.mark.parametrize(("options", "children"), [((), 5), (("--init",), 1)])
def test_zombies(
    daemon: Daemon, boxship: Cli, busybox: str, options: tuple[str, ...], children: int
) -> None:
    """Without an init nobody takes note of the ends of five orphans; with one they go."""
    script = f"{ORPHANS}; exec sleep 900"
    container = boxship("run", "-d", *options, busybox, "sh", "-c", script)
    pid = daemon.get(f"/containers/{container}/json")["State"]["Pid"]

    def found() -> list[str]:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    wait_until(lambda: len(found()) == children, found)
    boxship("rm", "-f", container)


def test_a_daemon_that_an_exec_leaves(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    container = boxship("run", "-d", busybox, "sleep", "900")
    leave = "(setsid sleep 800 >/dev/null 2>&1 </dev/null &) ; echo left"
    for _ in range(5):
        assert boxship("exec", container, "sh", "-c", leave) == "left"
    assert len(daemon.get(f"/containers/{container}/top")["Processes"]) == 6
    wait_until(lambda: daemon.get(f"/containers/{container}/json")["ExecIDs"] is None)
    boxship("stop", "-t", "0", container)
    boxship("rm", container)
