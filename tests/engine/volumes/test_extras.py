"""Copies, snapshots, archives and new names of volumes."""

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from boxship.engine.events.service import EventService
from boxship.engine.state.database import Database
from boxship.engine.storage.errors import StorageFullError
from boxship.engine.volumes.compare import Change, compare
from boxship.engine.volumes.service import VolumeService
from boxship.errors import ConflictError, InvalidParameterError, NotSupportedError
from boxship.linux import mount
from tests.support.cli import Cli


def _fill(volumes: VolumeService, name: str = "data") -> Path:
    place = volumes.create(name).mountpoint
    (place / "f").write_text("one")
    os.link(place / "f", place / "g")
    os.chown(place / "f", 7, 8)
    place.chmod(0o750)
    return place


async def test_a_copy_is_whole_and_apart(volumes: VolumeService) -> None:
    place = _fill(volumes)
    done = await volumes.extras.copy("data", "other", {"a": "b"})
    assert done.method in ("copy", "reflink")
    copy = done.volume.mountpoint
    assert os.path.samefile(copy / "f", copy / "g")
    assert ((copy / "f").stat().st_uid, copy.stat().st_mode & 0o777) == (7, 0o750)
    assert volumes.get("other").labels == {"a": "b"}
    (place / "f").write_text("two")
    assert (copy / "f").read_text() == "one"
    with pytest.raises(ConflictError, match="create other: a volume of that name exists already"):
        await volumes.extras.copy("data", "other", {})
    assert not volumes.list_users()


async def test_a_snapshot_brings_back_what_was(volumes: VolumeService) -> None:
    place = _fill(volumes)
    volumes.acquire("data", "c1")
    kept = (await volumes.extras.snapshot("data")).volume
    assert kept.labels == {"boxship.volume.snapshot-of": "data"}
    assert kept.name.startswith("data-20")
    (place / "f").write_text("two")
    (place / "late").touch()
    changes = await volumes.extras.diff(kept.name, "data")
    assert {(one.path, one.kind) for one in changes} >= {("/f", "changed"), ("/late", "added")}
    await volumes.extras.restore("data", kept.name)
    assert await volumes.extras.diff(kept.name, "data") == []
    assert (place / "f").read_text() == "one"
    assert volumes.users("data") == ["c1"]
    with pytest.raises(InvalidParameterError, match="cannot be restored from itself"):
        await volumes.extras.restore("data", "data")
    with pytest.raises(ConflictError, match=r"used by running containers - \[c1\]"):
        volumes.extras.check_free("data", ["c1"])


async def test_what_is_mounted_from_elsewhere_is_copied_but_not_replaced(
    volumes: VolumeService,
) -> None:
    volumes.create("ram", driver_opts={"type": "tmpfs", "device": "tmpfs"})
    place = volumes.mount("ram", "user")
    (place / "f").touch()
    copy = (await volumes.extras.copy("ram", "copy", {})).volume.mountpoint
    assert os.listdir(copy) == ["f"]
    assert mount.is_mount_point(place)
    with pytest.raises(NotSupportedError, match="its files are not the engine's own"):
        await volumes.extras.restore("ram", "copy")
    volumes.unmount("ram", "user")


def test_a_restore_that_was_cut_off_is_finished(
    volumes: VolumeService, database: Database, events: EventService, tmp_path: Path
) -> None:
    home = _fill(volumes).parent
    (home / ".restoring-1").mkdir()
    (home / ".restoring-1/new").touch()
    again = VolumeService(database, events, tmp_path)
    assert os.listdir(home) == ["_data"]
    assert os.listdir(home / "_data") == ["new"]
    again.close()


async def test_new_names(volumes: VolumeService) -> None:
    place = _fill(volumes)
    volumes.create("taken", labels={"a": "b"})
    for new, error in (("taken", ConflictError), ("x/y", InvalidParameterError)):
        with pytest.raises(error):
            volumes.rename("data", new)
    volumes.acquire("data", "c1")
    with pytest.raises(ConflictError, match=r"rename data: volume is in use - \[c1\]"):
        volumes.rename("data", "other")
    volumes.release("c1")
    renamed = volumes.rename("data", "other")
    assert not volumes.has("data")
    assert not place.exists()
    assert (renamed.mountpoint / "f").read_text() == "one"


async def test_a_full_disk_leaves_no_copy(
    database: Database, events: EventService, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    large = tmp_path / "large"
    large.mkdir()
    (large / "f").write_bytes(os.urandom(900_000))
    mount.mount("tmpfs", disk, "tmpfs", data="size=1m")
    try:
        volumes = VolumeService(database, events, disk)
        (volumes.create("data").mountpoint / "f").write_bytes(os.urandom(700_000))
        with pytest.raises(StorageFullError, match="no space left"):
            await volumes.extras.copy("data", "copy", {})
        with pytest.raises(StorageFullError, match="no space left"):
            await volumes.extras.unpack_into("more", iter([_tar(900_000)]))
        big = volumes.create("big", driver_opts={"type": "none", "o": "bind", "device": str(large)})
        with pytest.raises(StorageFullError, match="no space left"):
            await volumes.extras.restore("data", big.name)
        assert (volumes.mountpoint("data") / "f").stat().st_size == 700_000
        assert sorted(one.name for one in volumes.list({})) == ["big", "data"]
        assert sorted(os.listdir(disk / "volumes")) == [".trash", "big", "data"]
        volumes.close()
    finally:
        mount.unmount(disk, mount.MNT_DETACH)


def _tar(size: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("f")
        entry.size = size
        tar.addfile(entry, io.BytesIO(os.urandom(size)))
    return buffer.getvalue()


def test_comparing(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for tree in (one, other):
        (tree / "same").mkdir(parents=True)
        (tree / "touched").write_text("x")
        (tree / "written").write_text(tree.name[:2])
        os.symlink(tree.name, tree / "link")
        os.mkfifo(tree / "pipe")
    for path in (one / "touched", one / "written"):
        os.utime(path, (1, 1))
    (one / "gone").touch()
    (other / "pipe").chmod(0o700)
    assert compare(one, other) == [
        Change("/gone", "removed"),
        Change("/link", "changed"),
        Change("/pipe", "changed"),
        Change("/written", "changed"),
    ]


def test_the_commands(boxship: Cli, busybox: str, scratch: Path) -> None:
    run = ("run", "--rm", "-v", "work:/d", busybox, "sh", "-c")
    boxship(*run, "echo 1 >/d/f")
    assert boxship("volume", "cp", "--label", "a=b", "work", "copy") == "copy"
    assert boxship("volume", "snapshot", "work", "kept") == "kept"
    boxship(*run, "echo 22 >/d/f; touch /d/g")
    assert boxship("volume", "diff", "kept", "work").splitlines() == ["C /f", "A /g"]
    assert boxship("volume", "restore", "work", "kept") == "work"
    assert boxship(*run, "ls /d; cat /d/f").split() == ["f", "1"]
    assert boxship("volume", "mv", "copy", "moved") == "moved"
    assert "copy" not in boxship("volume", "ls", "-q").splitlines()
    boxship("volume", "export", "-o", str(scratch / "a.tar"), "work")
    archive = (scratch / "a.tar").read_bytes()
    assert boxship("volume", "import", "back", "-", stdin=archive) == "back"
    assert boxship("volume", "diff", "work", "back") == ""
    assert boxship("volume", "import", "back", str(scratch / "a.tar")) == "back"
    assert boxship("volume", "ls", "--size", "--filter", "name=back").splitlines() == [
        "DRIVER    VOLUME NAME   LINKS     SIZE",
        "local     back          0         2B",
    ]
    assert "no such volume" in boxship.fails("volume", "export", "-o", "/dev/null", "nope")
    said = boxship.fails("volume", "import", "broken", stdin=b"nothing" * 1000)
    assert said
    assert "broken" not in boxship("volume", "ls", "-q").splitlines()


def test_who_writes_is_paused_meanwhile(boxship: Cli, busybox: str) -> None:
    container = boxship("run", "-d", "-v", "live:/d", busybox, "sleep", "1000")
    done = boxship.run("volume", "snapshot", "live", "kept-live")
    assert "Paused while" in done.stderr
    assert container[:12] in done.stderr
    assert boxship("inspect", "-f", "{{.State.Status}}", container) == "running"
    events = boxship("events", "--since", "0", "--until", _now(boxship), "--format", "{{.Action}}")
    assert [one for one in events.splitlines() if "pause" in one] == ["pause", "unpause"]
    assert boxship.run("volume", "snapshot", "--live", "live", "again").stderr == ""
    said = boxship.fails("volume", "restore", "live", "kept-live")
    assert "is used by running containers" in said
    assert "volume is in use" in boxship.fails("volume", "mv", "live", "dead")
    boxship("rm", "-f", container)


def _now(boxship: Cli) -> str:
    text = boxship("info", "--format", "{{json .SystemTime}}")
    return str(json.loads(text))
