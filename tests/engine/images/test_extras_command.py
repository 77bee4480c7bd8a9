"""``boxship image diff``, ``ls-files``, ``wasted``, ``squash``, ``mount`` and ``bootstrap``."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.entrypoints import base_image
from tests.support import images
from tests.support.cli import Cli
from tests.support.daemon import Daemon

LOWER = images.layer({"srv/": "", "srv/page": "hello", "srv/big": b"0" * 4000})
UPPER = images.layer({"srv/.wh.big": "", "srv/page": "hello, world"})


@pytest.fixture
def site(boxship: Cli, daemon: Daemon) -> str:
    """An image of busybox and two layers, and its base ``plain:1``, in the module's daemon."""
    for name, made in (("plain:1", images.image(LOWER)), ("site:1", images.image(LOWER, UPPER))):
        path = daemon.scratch / "site.tar"
        path.write_bytes(base_image.docker_archive(made, name))
        boxship("load", "-q", "-i", str(path))
    return "site:1"


@pytest.fixture
def place(scratch: Path, boxship: Cli) -> Iterator[Path]:
    """A directory for a mount, which is gone at the end."""
    yield scratch / "place"
    boxship.run("image", "unmount", str(scratch / "place"))


def test_diff(boxship: Cli, site: str) -> None:
    shown = boxship("image", "diff", "plain:1", site)
    assert "D /srv/big (4kB)" in shown
    assert "C /srv/page (size 5B → 12B; content)" in shown
    assert [line.split()[:2] for line in shown.splitlines() if line.startswith("total")]
    assert boxship("image", "diff", site, site, "--files") == ""
    found = json.loads(boxship("image", "diff", "plain:1", site, "--format", "json", "--files"))
    assert sorted(found) == ["After", "Before", "Files"]
    assert found["Files"][0] == {
        "Path": "/srv/big",
        "Before": found["Files"][0]["Before"],
        "After": None,
        "Changed": [],
    }
    assert boxship("image", "diff", "plain:1", site, "--format", "{{len .Files}}") == "2"
    error = boxship.fails("image", "diff", site, "nothing:1")
    assert error == "Error response from daemon: No such image: nothing:1\n"


def test_ls_files(boxship: Cli, site: str) -> None:
    assert boxship("image", "ls-files", site, "/srv").splitlines() == ["/srv", "/srv/page"]
    layers = boxship("image", "ls-files", "--layers", site, "/srv/big").splitlines()
    assert [line.split() for line in layers] == [["2-", "/srv/big"], ["1h", "/srv/big"]]
    long = boxship("image", "ls-files", "-l", site, "/bin/sh")
    assert long.startswith("lrwxrwxrwx")
    assert long.endswith("/bin/sh -> /bin/busybox")
    line = boxship("image", "ls-files", "--format", "{{.Path}} {{.State.Size}}", site, "/srv/page")
    assert line == "/srv/page 12"
    error = boxship.fails("image", "ls-files", site, "/none")
    assert "no such file in the image: /none" in error


def test_wasted(boxship: Cli, site: str) -> None:
    shown = boxship("image", "wasted", site)
    assert "4kB of " in shown.splitlines()[0]
    assert "removed" in shown
    assert "/srv/big" in shown
    assert "advice: files of a lower layer are removed" in shown
    waste = json.loads(boxship("image", "wasted", "--format", "json", "--min-size", "1kb", site))
    assert [file["Path"] for file in waste["Layers"][0]["Files"]] == ["/srv/big"]
    assert waste["Wasted"] == 4005


def test_squash(boxship: Cli, site: str) -> None:
    made = boxship("image", "squash", "--from", "plain:1", "-t", "flat:1", site)
    assert boxship("image", "squash", "--from", "2", site) == made
    assert boxship("image", "diff", site, "flat:1", "--files") == ""
    assert boxship("run", "--rm", "flat:1", "cat", "/srv/page") == "hello, world"
    assert "--from is required" in boxship.fails("image", "squash", site)
    assert "nothing to squash" in boxship.fails("image", "squash", "--from", "3", site)


def test_a_mount_outlives_the_daemon(boxship: Cli, site: str, daemon: Daemon, place: Path) -> None:
    assert boxship("image", "mount", site, str(place)) == str(place)
    assert (place / "srv/page").read_text() == "hello, world"
    error = boxship.fails("rmi", "-f", site)
    assert f"image is mounted at {place}: undo that with boxship image unmount first" in error
    daemon.kill()
    daemon.start()
    assert (place / "srv/page").read_text() == "hello, world"
    assert boxship("image", "mount", "--format", "{{.Image}} {{.Path}}") == f"{site} {place}"
    assert boxship("image", "unmount", str(place)) == str(place)
    assert boxship("image", "mount", "--format", "{{.Path}}") == ""
    assert not place.exists()
    boxship("rmi", site)


def test_bootstrap(boxship: Cli, scratch: Path) -> None:
    output = scratch / "image.tar"
    made = boxship.run(
        "image",
        "bootstrap",
        "busybox",
        *("-t", "tiny:1", "--env", 'GREETING=hello "you"', "--workdir", "/srv", "--expose", "80"),
        *("--label", "a=b c", "--cmd", '["sh","-c","echo $GREETING; pwd"]'),
        *("--output", str(output)),
    )
    assert made.returncode == 0, made.stderr
    assert "Storing the image" in made.stderr
    assert boxship("run", "--rm", "tiny:1") == 'hello "you"\n/srv'
    config = json.loads(boxship("image", "inspect", "tiny:1"))[0]["Config"]
    assert config["Labels"] == {"a": "b c"}
    assert config["ExposedPorts"] == {"80/tcp": {}}
    with tarfile.open(output) as archive:
        assert "manifest.json" in archive.getnames()
    again = boxship("image", "bootstrap", "-q", "busybox", "--cmd", "true")
    assert again.startswith("sha256:")
    assert "no distribution 'arch'" in boxship.fails("image", "bootstrap", "arch")
    assert "unknown flag" not in boxship.fails("image", "bootstrap", "busybox", "-c", "RUN x")
    assert "does not exist" in boxship.fails("image", "bootstrap", "busybox", "-o", "/none/x.tar")
