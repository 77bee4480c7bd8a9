"""Containers on every snapshot driver, through the API and over the death of the daemon."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cli import Cli, boxship_cli
from tests.support.daemon import Daemon
from tests.support.snapshots import disk, drivers
from tests.support.waiting import wait_until

Start = Callable[[str], Daemon]
CHANGE = "echo new > /etc/hello; rm /etc/passwd; mkdir /made; echo x > /made/x; "


@pytest.fixture
def start(scratch: Path, mirror: dict[str, object]) -> Iterator[Start]:
    """Start a daemon with a driver, its data root where the driver works."""
    daemon = Daemon(scratch / "d", config=mirror)

    def begin(driver: str) -> Daemon:
        daemon.args = ["--storage-driver", driver]
        daemon.start()
        return daemon

    with disk(scratch, "btrfs" if "btrfs" in drivers() else "ext4", 256) as top:
        (top / "data").mkdir()
        daemon.data_root.symlink_to(top / "data")
        yield begin
        daemon.destroy()


def lines(cli: Cli, *arguments: str) -> list[str]:
    return sorted(cli(*arguments).splitlines())


@pytest.mark.parametrize("driver", drivers())
def test_a_container_s_life(start: Start, driver: str) -> None:
    daemon = start(driver)
    boxship = boxship_cli(daemon.host, daemon.scratch / "home")
    info = daemon.get("/info")
    assert info["Driver"] == driver
    assert ["Reason", "chosen by the configuration"] in info["DriverStatus"]
    boxship("pull", "-q", "busybox")
    boxship("run", "-d", "--name", "one", "busybox", "sh", "-c", CHANGE + "sleep 900")
    wait_until(lambda: "A /made/x" in lines(boxship, "diff", "one"))
    daemon.kill()
    daemon.start()
    assert boxship("exec", "one", "cat", "/etc/hello") == "new"
    assert boxship("exec", "one", "stat", "-c", "%a", "/bin/busybox") == "755"
    expected = {"A /etc/hello", "A /made", "A /made/x", "C /etc", "D /etc/passwd"}
    assert expected <= set(lines(boxship, "diff", "one"))
    boxship("rm", "-f", "one")
    assert boxship("run", "--rm", "busybox", "ls", "/etc/passwd") == "/etc/passwd"
    boxship("rmi", "busybox")
    wait_until(lambda: not list((daemon.data_root / driver / "layers").iterdir()))
