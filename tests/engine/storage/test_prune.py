"""Prune: what goes, what stays, what it says it frees; ``--plan`` says the same before."""

import re
from collections.abc import Iterator

import pytest

from tests.support.archives import archive, member
from tests.support.cli import Cli
from tests.support.daemon import Daemon


def image(boxship: Cli, name: str, size: int, *changes: str) -> str:
    """Import an image of one file; return its id."""
    layer = archive([member("file", data=name.encode() * (size // len(name)))])
    options = [word for change in changes for word in ("-c", change)]
    return boxship("import", *options, "-", *([name] if name != "none" else []), stdin=layer)


@pytest.fixture
def boxship(daemon: Daemon, boxship: Cli) -> Iterator[Cli]:
    """The command, with an engine that has nothing."""
    yield boxship
    for container in daemon.get("/containers/json?all=1"):
        boxship("rm", "-f", "-v", container["Id"])
    boxship("system", "prune", "-af", "--volumes")
    boxship("volume", "prune", "-af")
    assert daemon.get("/images/json?all=1") == []


def counts(daemon: Daemon) -> tuple[int, ...]:
    """How many images, containers, volumes and networks there are."""
    volumes = daemon.get("/volumes")["Volumes"] or []
    kinds = ("/images/json?all=1", "/containers/json?all=1", "/networks")
    return (*(len(daemon.get(kind)) for kind in kinds), len(volumes))


def planned(text: str) -> list[str]:
    """The plan in the words of what is printed when it is carried out."""
    words = text.replace("Would delete", "Deleted").replace(
        "Would reclaim", "Total reclaimed space"
    )
    return sorted(line for line in words.splitlines() if line)


def carried_out(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if line)


def test_dangling_labels_and_until(boxship: Cli) -> None:
    plain = image(boxship, "none", 1000)
    image(boxship, "named", 1000, "LABEL keep=yes")
    other = image(boxship, "other", 1000, "LABEL kind=b")
    assert boxship("image", "prune", "-f", "--filter", "until=1h").endswith("space: 0B")
    said = boxship("image", "prune", "-f")
    assert f"deleted: {plain}" in said
    assert "named" not in said
    assert boxship("image", "prune", "-af", "--filter", "label=no").endswith("space: 0B")
    said = boxship("image", "prune", "-af", "--filter", "label!=keep")
    assert f"deleted: {other}" in said
    assert "untagged: other:latest" in said
    assert boxship("images", "-q", "--no-trunc").count("sha256") == 1


@pytest.mark.parametrize("flags", [[], ["-a"], ["-a", "--filter", "label!=keep=yes"]])
def test_the_plan_of_images_is_what_happens(daemon: Daemon, boxship: Cli, flags: list[str]) -> None:
    boxship("pull", "-q", "busybox")
    boxship("create", "--name", "user", "busybox")
    image(boxship, "none", 5000)
    image(boxship, "named", 70_000, "LABEL keep=yes")
    image(boxship, "more", 9000)
    boxship("tag", "more", "again:v1")
    before = counts(daemon)
    plan = boxship("image", "prune", "--plan", *flags)
    assert counts(daemon) == before
    assert boxship("image", "prune", "--plan", *flags) == plan
    assert planned(plan) == carried_out(boxship("image", "prune", "-f", *flags))
    assert "busybox" not in plan


def test_the_plan_of_the_system(daemon: Daemon, boxship: Cli) -> None:
    boxship("pull", "-q", "busybox")
    boxship("run", "--name", "ended", "-v", "/data", "busybox", "sh", "-c", "echo 12345 >/data/f")
    boxship("run", "-d", "--name", "alive", "-v", "/other", "busybox", "sleep", "900")
    image(boxship, "unused", 30_000)
    boxship("create", "--name", "never", "unused", "x")
    boxship("network", "create", "empty")
    before = counts(daemon)
    plan = boxship("system", "prune", "-a", "--volumes", "--plan")
    assert counts(daemon) == before
    for part in ("Would delete Containers:", "Would delete Networks:", "Would delete Volumes:"):
        assert part in plan
    assert "untagged: unused:latest" in plan, "its container would be gone"
    assert "busybox" not in plan
    assert planned(plan) == carried_out(boxship("system", "prune", "-af", "--volumes"))
    assert boxship("system", "prune", "-a", "--plan") == (
        "Nothing would be deleted\nWould reclaim: 0B"
    )


@pytest.mark.parametrize("kind", ["container", "volume", "network"])
def test_the_plan_of_one_kind(daemon: Daemon, boxship: Cli, kind: str) -> None:
    boxship("pull", "-q", "busybox")
    boxship("run", "--name", "ended", "busybox", "sh", "-c", "echo 12345 > /f")
    boxship("volume", "create")
    boxship("network", "create", "empty")
    before = counts(daemon)
    plan = boxship(kind, "prune", "--plan")
    assert counts(daemon) == before
    assert f"Would delete {kind.capitalize()}s:" in plan
    done = boxship(kind, "prune", "-f")
    shown = [line for line in planned(plan) if kind != "network" or "reclaimed" not in line]
    assert shown == carried_out(done)
    if kind == "container":
        assert re.search(r"Would reclaim: [1-9]", plan)


def test_a_parent_goes_with_its_last_child(boxship: Cli) -> None:
    parent = image(boxship, "none", 1000)
    boxship("create", "--name", "maker", parent, "x")
    child = boxship("commit", "maker", "child")
    boxship("rm", "maker")
    plan = boxship("image", "prune", "-a", "--plan")
    done = boxship("image", "prune", "-af")
    assert f"deleted: {child}" in done
    assert f"deleted: {parent}" in done
    assert planned(plan) == carried_out(done)
