"""Volumes: made, listed, shared, kept, removed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.entrypoints import base_image
from boxship.oci.image import ExecutionConfig
from tests.support import images
from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.registry import Registry, push_image
from tests.support.volume_plugin import VolumePlugin


@pytest.fixture(autouse=True)
def _no_volumes_left(daemon: Daemon) -> Iterator[None]:
    yield
    for container in daemon.get("/containers/json?all=1"):
        daemon.request("DELETE", f"/containers/{container['Id']}?force=1&v=1")
    for volume in daemon.get("/volumes")["Volumes"]:
        daemon.request("DELETE", f"/volumes/{volume['Name']}?force=1")


def test_a_volume_is_made_listed_and_shown(cli: Cli, daemon: Daemon) -> None:
    """S244 S245 S246 S247: below the data root, with the local driver."""
    assert cli("volume", "create", "myvol") == "myvol"
    lines = [line.split() for line in cli("volume", "ls").splitlines()]
    assert lines == [["DRIVER", "VOLUME", "NAME"], ["local", "myvol"]]
    (shown,) = json.loads(cli("volume", "inspect", "myvol"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", shown.pop("CreatedAt"))
    assert shown == {
        "Driver": "local",
        "Labels": None,
        "Mountpoint": str(daemon.data_root / "volumes/myvol/_data"),
        "Name": "myvol",
        "Options": None,
        "Scope": "local",
    }


def test_a_plugin_brings_storage_of_its_own(
    cli: Cli, daemon: Daemon, busybox: str, scratch: Path
) -> None:
    """S245 S248: another driver with -d, by Docker's plugin protocol."""
    name = f"shelf-{scratch.name}"
    with VolumePlugin(daemon.exec_root / "plugins", scratch / "shelf", name) as plugin:
        assert cli("volume", "create", "-d", name, "-o", "speed=high", "far") == "far"
        assert plugin.volumes == {"far": {"speed": "high"}}
        cli("run", "--rm", "-v", "far:/vol", busybox, "touch", "/vol/written")
        assert (plugin.shelf / "far/written").exists()
        cli("volume", "rm", "far")
        assert plugin.volumes == {}


def test_pruning_leaves_what_is_used(cli: Cli, busybox: str) -> None:
    """S249: anonymous volumes only, all with --all; never those that a container has."""
    anonymous = cli("volume", "create")
    for name in ("named", "used"):
        cli("volume", "create", name)
    cli("create", "-v", "used:/vol", busybox)
    all_flag = "--all" in cli("volume", "prune", "--help")
    assert anonymous in cli("volume", "prune", "-f")
    if all_flag:  # clients of before 23.0 mean all of them anyway
        assert cli("volume", "ls", "-q").split() == ["named", "used"]
        assert "named" in cli("volume", "prune", "-f", "--all")
    assert cli("volume", "ls", "-q") == "used"


def test_the_life_of_a_shared_volume(cli: Cli, daemon: Daemon, busybox: str) -> None:
    """S250 S251 S252 S254 S255 S256 S258: made when missing, it outlives containers."""
    mount = ("--mount", "source=bizvol,target=/vol")
    container = cli("run", "-dt", "--name", "voltainer", *mount, busybox)
    assert cli("volume", "ls", "-q") == "bizvol"
    refusal = f"remove bizvol: volume is in use - [{container}]"
    assert refusal in cli.fails("volume", "rm", "bizvol")
    cli("exec", "voltainer", "sh", "-c", "echo precious >/vol/file1")
    cli("stop", "-t", "0", "voltainer")
    assert refusal in cli.fails("volume", "rm", "bizvol")
    cli("rm", "-f", "-v", "voltainer")
    assert cli("volume", "ls", "-q") == "bizvol"
    assert (daemon.data_root / "volumes/bizvol/_data/file1").read_text() == "precious\n"
    assert (
        cli("run", "--rm", "--name", "newctr", *mount, busybox, "cat", "/vol/file1") == "precious"
    )
    assert cli("volume", "rm", "bizvol") == "bizvol"


def test_an_image_asks_for_a_volume(cli: Cli, registry: Registry) -> None:
    """S253 S258: an anonymous one for each container, gone with rm -v."""
    config = ExecutionConfig(env=[base_image.PATH], volumes={"/srv": {}}, cmd=["sleep", "900"])
    push_image(
        registry, "library/with-volume", images.image(images.layer({"srv/": ""}), config=config)
    )
    cli("pull", "with-volume")
    container = cli("create", "with-volume")
    (mount,) = json.loads(cli("inspect", "-f", "{{json .Mounts}}", container))
    assert (mount["Type"], mount["Destination"]) == ("volume", "/srv")
    assert re.fullmatch(r"[0-9a-f]{64}", mount["Name"])
    assert cli("volume", "ls", "-q") == mount["Name"]
    cli("rm", "-v", container)
    assert cli("volume", "ls", "-q") == ""


def test_two_containers_write_to_one_volume(cli: Cli, busybox: str) -> None:
    """S257: both are let; the programs order their writes, here by a lock."""
    append = (
        "for i in 1 2 3 4 5; do until mkdir /vol/lock 2>/dev/null; do :; done; "
        "echo line >>/vol/log; rmdir /vol/lock; done"
    )
    names = [cli("run", "-d", "-v", "both:/vol", busybox, "sh", "-c", append) for _ in range(2)]
    for name in names:
        assert cli("wait", name) == "0"
    counted = cli("run", "--rm", "-v", "both:/vol:ro", busybox, "grep", "-c", "line", "/vol/log")
    assert counted == "10"


def test_all_kinds_of_mounts(cli: Cli, busybox: str, scratch: Path) -> None:
    """S259: -v and --mount, of binds, volumes and memory."""
    (scratch / "f").write_text("of the host\n")
    bind = f"type=bind,source={scratch},target=/b2,readonly"
    shown = cli(
        *("run", "--rm", "-v", f"{scratch}:/b1", "--mount", bind, "-v", "kind:/v1"),
        *("--mount", "type=volume,source=kind,target=/v2"),
        *("--mount", "type=tmpfs,target=/t1,tmpfs-size=1m,tmpfs-mode=1770", "--tmpfs", "/t2"),
        *(busybox, "sh", "-c", "cat /b1/f /b2/f; echo 1 >/v1/x; cat /v2/x; stat -c %a /t1; df /t2"),
    )
    assert shown.splitlines()[:4] == ["of the host", "of the host", "1", "1770"]
    assert "tmpfs" in shown.splitlines()[-1]
