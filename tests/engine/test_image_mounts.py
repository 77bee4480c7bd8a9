"""Images mounted into containers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon


@pytest.fixture(scope="module")
def assets(boxship: Cli, busybox: str) -> str:
    """An image with a file of its own."""
    script = "mkdir /assets; echo logo >/assets/a"
    boxship("run", "--name", "maker", busybox, "sh", "-c", script)
    boxship("commit", "maker", "assets:1")
    boxship("rm", "maker")
    return "assets:1"


@pytest.fixture
def name(boxship: Cli) -> Iterator[str]:
    yield "user"
    boxship.run("rm", "-f", "user")


def test_it_is_there_and_read_only(
    daemon: Daemon, boxship: Cli, busybox: str, assets: str, name: str
) -> None:
    mounts = ("--mount", f"type=image,source={assets},target=/all")
    part = ("--mount", f"type=image,source={assets},target=/part,image-subpath=assets")
    boxship("run", "-d", "--name", name, *mounts, *part, busybox, "sleep", "1000")
    assert boxship("exec", name, "cat", "/all/assets/a", "/part/a") == "logo\nlogo"
    told = boxship.fails("exec", name, "touch", "/all/x")
    assert "Read-only file system" in told
    shown = daemon.get(f"/containers/{name}/json")["Mounts"]
    assert [(mount["Type"], mount["Name"], mount["RW"]) for mount in shown] == [
        ("image", assets, False),
        ("image", assets, False),
    ]
    boxship("restart", "-t", "0", name)
    assert boxship("exec", name, "cat", "/part/a") == "logo"


def test_a_mounted_image_is_kept(boxship: Cli, busybox: str, assets: str, name: str) -> None:
    boxship("create", "--name", name, "--mount", f"type=image,src={assets},dst=/x", busybox)
    boxship("tag", assets, "other:1")
    boxship("rmi", "other:1")
    assert "container" in boxship.fails("rmi", assets)


def test_it_outlives_the_engine(
    daemon: Daemon, boxship: Cli, busybox: str, assets: str, name: str
) -> None:
    mount = ("--mount", f"type=image,source={assets},target=/x")
    boxship("run", "-d", "--name", name, *mount, busybox, "sleep", "1000")
    daemon.kill()
    daemon.start()
    assert boxship("exec", name, "cat", "/x/assets/a") == "logo"
    boxship("rm", "-f", name)
    assert "/images/" not in Path(f"/proc/{daemon.pid}/mounts").read_text()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("type=image,target=/x", "field Source must not be empty"),
        ("type=image,source=nothing:1,target=/x", "No such image: nothing:1"),
        ("type=image,source=assets:1,target=/x,image-subpath=../y", "subpath must be a relative"),
        ("type=image,source=assets:1,target=/x,image-subpath=none", "image's subpath none"),
    ],
)
@pytest.mark.usefixtures("assets")
def test_refusals(boxship: Cli, busybox: str, options: str, told: str) -> None:
    assert told in boxship.fails("run", "--rm", "--mount", options, busybox, "true")
