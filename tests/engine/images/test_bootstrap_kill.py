"""A daemon that is killed while packages' scripts run: they end, and nothing is left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.linux import mount
from boxship.oci.platform import host_platform
from tests.engine.images.test_bootstrap import SUITE, essential
from tests.support.cli import boxship_cli
from tests.support.debian import Package, apt_knows, write_repository
from tests.support.fixtures import StartDaemon
from tests.support.waiting import wait_until

_WAITS = """#!/bin/sh
/bin/busybox mkfifo /var/lib/dpkg/never
echo running > /var/lib/dpkg/running
/bin/busybox cat /var/lib/dpkg/never
"""


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """A package source whose dpkg waits for ever."""
    root = tmp_path / "source"
    apt = Package(name="apt", files={}, architecture=host_platform().architecture)
    write_repository(root, SUITE, essential(**{"usr/bin/dpkg": _WAITS}), apt)
    with apt_knows(root, SUITE):
        yield root


@pytest.mark.usefixtures("source")
def test_a_killed_daemon_takes_the_scripts_along(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    drafts = daemon.data_root / "overlay2/tmp"
    boxship = boxship_cli(daemon.host, daemon.scratch / "home")
    arguments = ("image", "bootstrap", f"debian:{SUITE}", "--variant", "essential", "-t", "x:1")
    command = boxship.start(*arguments)
    try:
        wait_until(lambda: bool(list(drafts.glob("*/root/var/lib/dpkg/running"))))
        assert _inside(drafts) != []
        daemon.kill()
        wait_until(lambda: _inside(drafts) == [])
        assert command.wait(30) != 0
    finally:
        command.kill()
        command.communicate()
    daemon.start()
    assert list(drafts.iterdir()) == []
    assert daemon.get("/images/json?all=1") == []
    assert not [one for one in mount.mount_points() if "/overlay2/tmp/" in one.target]


def _inside(drafts: Path) -> list[int]:
    """Processes whose root directory is a tree that is being made."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "root").readlink()).startswith(str(drafts)):
                found.append(int(process.name))
        except OSError:  # it has ended
            continue
    return found
