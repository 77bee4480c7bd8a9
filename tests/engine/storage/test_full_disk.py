"""The disk of the data root fills: what comes in fails clearly, what was there stays whole."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.entrypoints import base_image
from tests.support.archives import archive, member
from tests.support.cli import Cli, boxship_cli
from tests.support.daemon import Daemon
from tests.support.images import image, layer
from tests.support.registry import Registry, push_image
from tests.support.snapshots import disk
from tests.support.waiting import wait_until

MIB = 1 << 20
SLACK = MIB
FULL = "no space left on device"


@pytest.fixture
def daemon(scratch: Path, mirror: dict[str, object]) -> Iterator[Daemon]:
    """A daemon whose data root has 64 MiB."""
    daemon = Daemon(scratch / "d", config=mirror)
    with disk(scratch, "ext4", 64, "-O", "^has_journal") as top:
        (top / "data").mkdir()
        daemon.data_root.symlink_to(top / "data")
        daemon.start()
        yield daemon
        daemon.destroy()


def free(daemon: Daemon) -> int:
    state = os.statvfs(daemon.data_root)
    return state.f_bavail * state.f_frsize


def check_whole(daemon: Daemon, boxship: Cli, before: int) -> None:
    """The space is back, and the image that was there runs; nothing else is there."""
    wait_until(lambda: free(daemon) >= before - SLACK)
    assert boxship("images", "-q").count("\n") == 0
    assert boxship("run", "--rm", "--network", "none", "busybox", "cat", "/etc/group")


def test_a_full_disk(daemon: Daemon, registry: Registry, tmp_path: Path) -> None:
    big = image(layer({"big": os.urandom(40 * MIB)}))
    reference = push_image(registry, "full/big", big)
    saved = tmp_path / "big.tar"
    saved.write_bytes(base_image.docker_archive(big, "big:latest"))
    boxship = boxship_cli(daemon.host, daemon.scratch / "home")
    boxship("pull", "-q", "busybox")
    before = free(daemon)
    assert FULL in boxship.fails("pull", str(reference)).lower()
    check_whole(daemon, boxship, before)
    assert FULL in boxship.fails("load", "-i", str(saved)).lower()
    check_whole(daemon, boxship, before)
    tree = archive([member("big", data=os.urandom(40 * MIB))])
    assert FULL in boxship.fails("import", "-", "big", stdin=tree).lower()
    check_whole(daemon, boxship, before)
    fits = archive([member("small", data=os.urandom(5 * MIB))])
    assert boxship("import", "-", "small", stdin=fits)


def test_a_commit_that_does_not_fit(daemon: Daemon) -> None:
    """The container goes on, and the space comes back."""
    boxship = boxship_cli(daemon.host, daemon.scratch / "home")
    boxship("pull", "-q", "busybox")
    write = "head -c 35000000 /dev/urandom > /big && echo done && exec sleep 900"
    boxship("run", "-d", "--init", "--name", "large", "busybox", "sh", "-c", write)
    wait_until(lambda: boxship("logs", "large") == "done")
    before = free(daemon)
    assert FULL in boxship.fails("commit", "large", "made:1").lower()
    assert daemon.get("/containers/large/json")["State"]["Status"] == "running"
    check_whole(daemon, boxship, before)
    assert boxship("exec", "large", "stat", "-c", "%s", "/big") == "35000000"
    boxship("exec", "large", "truncate", "-s", "5000000", "/big")
    assert boxship("commit", "large", "made:1")
