"""What containers see of volumes and mounts, and what is told of them."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.volume_plugin import VolumePlugin

_FORMAT = "{{.Action}} {{json .Actor}}"


def _events(boxship: Cli, name: str) -> list[tuple[str, dict[str, str]]]:
    """Return what happened to a volume so far."""
    now = json.loads(boxship("info", "--format", "{{json .SystemTime}}"))
    printed = boxship(
        "events", "--since", "0", "--until", now, "--filter", f"volume={name}", "--format", _FORMAT
    )
    pairs = [line.partition(" ") for line in printed.splitlines()]
    return [(action, json.loads(actor)["Attributes"]) for action, _, actor in pairs]


def test_mounts_are_told_as_events(boxship: Cli, busybox: str) -> None:
    boxship("volume", "create", "told")
    container = boxship("run", "-d", "-v", "told:/a:ro", "-v", "told:/b", busybox, "true").strip()
    boxship("wait", container)
    boxship("rm", container)
    boxship("volume", "rm", "told")
    events = _events(boxship, "told")
    assert [action for action, _ in events] == [
        "create", "mount", "mount", "unmount", "unmount", "destroy",
    ]  # fmt: skip
    common = {"container": container, "driver": "local"}
    place = {"propagation": "", "destination": "/a", "read/write": "false"}
    assert events[1][1] == common | place
    assert events[2][1] == common | place | {"destination": "/b", "read/write": "true"}
    assert events[3][1] == events[4][1] == common


@pytest.fixture
def nested(daemon: Daemon, scratch: Path) -> Iterator[Path]:
    """A directory with another file system mounted in it, where the engine sees it."""
    inner = scratch / "top/inner"
    inner.mkdir(parents=True)
    enter = ["nsenter", f"--mount=/proc/{daemon.pid}/ns/mnt"]
    subprocess.run([*enter, "mount", "-t", "tmpfs", "tmpfs", inner], check=True)
    subprocess.run([*enter, "touch", inner / "here"], check=True)
    yield scratch / "top"
    subprocess.run([*enter, "umount", "--lazy", inner], check=True)


@pytest.mark.parametrize(
    ("options", "writable"),
    [
        ("readonly", False),
        ("readonly,bind-recursive=enabled", False),
        ("readonly,bind-recursive=readonly,bind-propagation=rprivate", False),
        ("readonly,bind-recursive=writable", True),
    ],
)
def test_how_far_read_only_reaches(
    boxship: Cli, busybox: str, nested: Path, options: str, writable: bool
) -> None:
    spec = f"type=bind,src={nested},dst=/m,{options}"
    arguments = ("run", "--rm", "--mount", spec, busybox, "touch")
    assert "Read-only file system" in boxship.fails(*arguments, "/m/f")
    if writable:
        boxship(*arguments, "/m/inner/f")
    else:
        assert "Read-only file system" in boxship.fails(*arguments, "/m/inner/f")


def test_without_what_is_mounted_below(boxship: Cli, busybox: str, nested: Path) -> None:
    for options, seen in (
        ("", "here"),
        (",bind-recursive=disabled", ""),
        (",bind-nonrecursive", ""),
    ):
        spec = f"type=bind,src={nested},dst=/m{options}"
        assert boxship("run", "--rm", "--mount", spec, busybox, "ls", "/m/inner").strip() == seen


def test_recursion_that_contradicts(boxship: Cli, busybox: str, nested: Path) -> None:
    spec = f"type=bind,src={nested},dst=/m,bind-recursive=writable"
    said = boxship.fails("run", "--rm", "--mount", spec, busybox, "true")
    assert "option 'bind-recursive=writable' requires 'readonly'" in said


def test_selinux_flags_change_nothing_here(boxship: Cli, busybox: str, scratch: Path) -> None:
    for mode in ("z", "Z", "ro,z", "rshared,z", "cached"):
        boxship("run", "--rm", "-v", f"{scratch}:/m:{mode}", busybox, "true")


def test_a_creation_that_fails_makes_no_volume(boxship: Cli, busybox: str) -> None:
    said = boxship.fails(
        "create", "-v", "new-one:/a", "--mount", "type=volume,src=x!,dst=/b", busybox, "true"
    )
    assert "includes invalid characters for a local volume name" in said
    assert "new-one" not in boxship("volume", "ls", "-q").splitlines()


def test_content_that_does_not_fit_fails_the_creation(boxship: Cli, busybox: str) -> None:
    spec = (
        "type=volume,src=small,dst=/bin,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"
        '"volume-opt=o=size=64k"'
    )
    said = boxship.fails("create", "--mount", spec, busybox, "true")
    assert "no space left on device" in said
    assert "small" not in boxship("volume", "ls", "-q").splitlines()


def test_a_plugins_volume_in_a_container(
    boxship: Cli, busybox: str, daemon: Daemon, scratch: Path
) -> None:
    with VolumePlugin(daemon.exec_root / "plugins", scratch / "shelf", "engine-shelf") as plugin:
        run = ("run", "--rm", "--volume-driver", "engine-shelf", "-v", "books:/d", busybox)
        boxship(*run, "sh", "-c", "echo 1 >/d/f")
        assert (plugin.shelf / "books/f").read_text() == "1\n"
        spec = "type=volume,dst=/d,volume-driver=engine-shelf"
        boxship("run", "--rm", "--mount", spec, busybox, "touch", "/d/f")
        assert list(plugin.volumes) == ["books"]
        assert plugin.users["books"] == []
        document = json.loads(boxship("volume", "inspect", "books"))[0]
        assert (document["Driver"], document["Scope"]) == ("engine-shelf", "global")
        assert document["Status"] == {"options": {}}
        assert "engine-shelf   books" in boxship("volume", "ls")
        plugin.answers["VolumeDriver.Mount"] = {"Err": "the shelf is locked"}
        said = boxship.fails(*run, "true")
        assert "error while mounting volume 'books': VolumeDriver.Mount: the shelf is l" in said
        boxship("volume", "rm", "books")
        assert plugin.volumes == {}


def test_a_volume_in_use_is_never_removed(boxship: Cli, busybox: str) -> None:
    """Containers are made and removed while others try to remove and prune the volume."""
    boxship("volume", "create", "wanted")

    def use(number: int) -> list[str]:
        made = []
        for turn in range(3):
            name = f"user-{number}-{turn}"
            done = boxship.run("create", "--name", name, "-v", "wanted:/d", busybox, "true")
            if done.returncode == 0:
                made.append(name)
        return made

    def remove(_: int) -> list[str]:
        for _turn in range(3):
            boxship.run("volume", "rm", "-f", "wanted")
            boxship.run("volume", "prune", "-af")
        return []

    with ThreadPoolExecutor(4) as threads:
        jobs = [threads.submit(work, number) for number in range(2) for work in (use, remove)]
        names = [name for job in jobs for name in job.result()]
    for name in names:
        assert boxship("inspect", "-f", "{{(index .Mounts 0).Name}}", name) == "wanted"
    for name in names[1:]:
        boxship("rm", name)
    assert "volume is in use" in boxship.fails("volume", "rm", "-f", "wanted")
    boxship("start", "-a", names[0])
    boxship("rm", names[0])
    boxship("volume", "rm", "wanted")


def test_only_a_cluster_changes_volumes(boxship: Cli, daemon: Daemon) -> None:
    boxship("volume", "create", "fixed")
    status, body = daemon.request("PUT", "/volumes/fixed?version=1", {"Spec": {}})
    assert status == 503
    assert "This node is not a swarm manager" in body["message"]
