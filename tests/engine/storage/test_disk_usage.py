"""``system df``: exact, with what images share, as the disk itself says."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.archives import archive, member
from tests.support.cli import Cli
from tests.support.daemon import Daemon

BASE = 300_000
ONE, TWO = 11_000, 22_000
HARD_LINKED = 5000


def bytes_of_files(directory: Path) -> int:
    """What GNU find counts in regular files and links, a hard linked one once."""
    done = subprocess.run(
        ["find", str(directory), "(", "-type", "f", "-o", "-type", "l", ")", "-printf", "%i %s\\n"],
        capture_output=True,
        text=True,
        check=True,
    )
    return sum(int(line.split()[1]) for line in set(done.stdout.splitlines()))


@pytest.fixture(scope="module")
def images(daemon: Daemon, boxship: Cli) -> dict[str, Any]:
    """Two images on one base, one alone, and containers of the first; by name."""
    files = [
        member("big", data=os.urandom(BASE)),
        member("one", data=b"x" * HARD_LINKED),
        member("two", "hardlink", linkname="one"),
    ]
    boxship("import", "-", "base", stdin=archive(files))
    for name, size in (("first", ONE), ("second", TWO)):
        boxship("create", "--name", f"make-{name}", "base", "x")
        tar = archive([member(f"own-{name}", data=os.urandom(size))])
        boxship("cp", "-", f"make-{name}:/", stdin=tar)
        boxship("commit", f"make-{name}", name)
        boxship("rm", f"make-{name}")
    boxship("import", "-", "alone", stdin=archive([member("f", data=b"1" * 777)]))
    boxship("create", "--name", "user", "first", "x")
    boxship("cp", "-", "user:/", stdin=archive([member("written", data=b"w" * 4321)]))
    boxship("volume", "create", "data")
    boxship("create", "--name", "reader", "-v", "data:/data", "alone", "x")
    found = {}
    for item in daemon.get("/system/df?type=image")["Images"]:
        found[item["RepoTags"][0].removesuffix(":latest")] = item
    return found


def test_sizes_shared_and_unique(images: dict[str, Any]) -> None:
    base = BASE + HARD_LINKED
    sizes = {name: (item["Size"], item["SharedSize"]) for name, item in images.items()}
    assert sizes == {
        "base": (base, base),
        "first": (base + ONE, base),
        "second": (base + TWO, base),
        "alone": (777, 0),
    }
    users = {name: item["Containers"] for name, item in images.items()}
    assert users == {"base": 0, "first": 1, "second": 0, "alone": 1}


def test_the_whole_is_what_the_disk_has(daemon: Daemon, images: dict[str, Any]) -> None:
    usage = daemon.get("/system/df")
    layers = daemon.data_root / "overlay2/layers"
    on_disk = sum(bytes_of_files(layer / "diff") for layer in layers.iterdir())
    assert usage["LayersSize"] == on_disk == BASE + HARD_LINKED + ONE + TWO + 777
    written = {item["Names"][0]: item["SizeRw"] for item in usage["Containers"]}
    assert written == {"/user": 4321, "/reader": 0}
    for item in usage["Containers"]:
        upper = daemon.data_root / "overlay2/containers" / item["Id"] / "diff"
        assert item["SizeRw"] == bytes_of_files(upper)
    root = next(i["SizeRootFs"] for i in usage["Containers"] if i["Names"] == ["/user"])
    assert root == 4321 + images["first"]["Size"]
    assert [item["Name"] for item in usage["Volumes"]] == ["data"]
    assert usage["Volumes"][0]["UsageData"] == {"RefCount": 1, "Size": 0}


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("image", {"Images", "LayersSize"}),
        ("container", {"Containers"}),
        ("volume", {"Volumes"}),
        ("build-cache", {"BuildCache"}),
        ("image&type=volume", {"Images", "LayersSize", "Volumes"}),
    ],
)
def test_one_kind_alone(daemon: Daemon, images: dict[str, Any], kind: str, keys: set[str]) -> None:
    assert images
    usage = daemon.get(f"/v1.47/system/df?type={kind}")
    assert {key for key, value in usage.items() if value} == keys - {"BuildCache"}


def test_an_unknown_kind(daemon: Daemon) -> None:
    status, body = daemon.request("GET", "/system/df?type=flavour")
    assert (status, body["message"]) == (400, "unknown object type: flavour")


def test_the_table(boxship: Cli, images: dict[str, Any]) -> None:
    assert images
    rows = {line[:15].strip(): line.split() for line in boxship("system", "df").splitlines()}
    total = BASE + HARD_LINKED + ONE + TWO + 777
    used = ONE + 777  # what first and alone have for themselves
    percent = (total - used) * 100 // total
    assert rows["Images"][1:] == ["4", "2", "338.8kB", "327kB", f"({percent}%)"]
    assert rows["Containers"][1:4] == ["2", "0", "4.321kB"]
    assert rows["Local Volumes"][2:4] == ["1", "1"]


def test_the_columns_of_the_long_table(boxship: Cli, images: dict[str, Any]) -> None:
    assert images
    lines = boxship("system", "df", "-v").splitlines()
    header = next(line for line in lines if line.startswith("REPOSITORY"))
    assert header.split("  ")[-1].strip() == "CONTAINERS"
    for column in ("SHARED SIZE", "UNIQUE SIZE"):
        assert column in header
    first = next(line for line in lines if line.startswith("first "))
    start = header.index("SIZE")
    assert first[start:].split() == ["316kB", "305kB", "11kB", "1"]
