"""Volumes as Docker's clients know them."""

import os
import stat
import time
from pathlib import Path

import pytest

from boxship.engine.events.service import EventService
from boxship.engine.state.database import Database
from boxship.engine.storage.errors import StorageFullError
from boxship.engine.volumes.service import VolumeService
from boxship.engine.volumes.volume import ANONYMOUS_LABEL
from boxship.errors import (
    ConflictError,
    InternalError,
    InvalidParameterError,
    NotFoundError,
    NotSupportedError,
)
from boxship.linux import mount

TMPFS = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,mode=750,uid=1000"}


def test_created_found_and_removed(volumes: VolumeService, tmp_path: Path) -> None:
    volume = volumes.create("data", labels={"a": "b"})
    assert volume.mountpoint == tmp_path / "volumes/data/_data"
    assert stat.S_IMODE(volume.mountpoint.stat().st_mode) == 0o755
    assert volumes.create("data", labels={"other": "x"}) == volumes.get("data") == volume
    (volume.mountpoint / "f").write_bytes(b"12345")
    assert volumes.size("data") == 5
    volumes.remove("data")
    volumes.wait_background()
    assert os.listdir(tmp_path / "volumes") == [".trash"]
    assert os.listdir(tmp_path / "volumes/.trash") == []
    with pytest.raises(NotFoundError, match=r"^get data: no such volume$"):
        volumes.remove("data")
    volumes.remove("data", force=True)


def test_without_a_name_it_is_anonymous(volumes: VolumeService) -> None:
    volume = volumes.create()
    assert len(volume.name) == 64
    assert volume.anonymous
    assert ANONYMOUS_LABEL in volume.labels


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x!", '"x!" includes invalid characters for a local volume name'),
        ("-a", "includes invalid characters"),
        ("../a", "includes invalid characters"),
        (".trash", "includes invalid characters"),
        ("a/b", "includes invalid characters"),
        ("aé", "includes invalid characters"),
        ("a\n", "includes invalid characters"),
        ("x", "volume name is too short"),
        ("a" * 256, "at most 255 characters"),
    ],
)
def test_names(volumes: VolumeService, name: str, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        volumes.create(name)
    assert not volumes.list({})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"nope": "1"}, InvalidParameterError, 'invalid option: "nope"'),
        ({"type": "tmpfs"}, InvalidParameterError, 'missing required option: "device"'),
        ({"device": "/x"}, InvalidParameterError, 'missing required option: "type"'),
        ({"o": "ro"}, InvalidParameterError, 'missing required option: "device"'),
        ({"size": "1m"}, NotSupportedError, "quota size requested but no quota support"),
    ],
)
def test_options(
    volumes: VolumeService, options: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        volumes.create("data", driver_opts=options)
    assert not volumes.list({})


def test_unknown_drivers(volumes: VolumeService) -> None:
    with pytest.raises(NotFoundError, match='error looking up volume plugin nope: plugin "nope"'):
        volumes.create("data", driver="nope")


def test_used_volumes_stay(volumes: VolumeService) -> None:
    volumes.create("data")
    anonymous = volumes.create().name
    for name in ("data", anonymous):
        volumes.acquire(name, "c1")
        volumes.acquire(name, "c1")
    volumes.acquire("data", "c2")
    with pytest.raises(ConflictError, match=r"^remove data: volume is in use - \[c1, c2\]$"):
        volumes.remove("data", force=True)
    assert volumes.list_users() == {"c1", "c2"}
    assert list(volumes.release("c1")) == [anonymous]
    assert list(volumes.users("data")) == ["c2"]
    assert list(volumes.release("c1")) == []


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["app-data", "app-logs", "other"]),
        ({"name": ("app",)}, ["app-data", "app-logs"]),
        ({"name": ("^app-d", "^oth")}, ["app-data", "other"]),
        ({"label": ("tier=db",)}, ["app-data"]),
        ({"label": ("tier",)}, ["app-data", "app-logs"]),
        ({"label": ("tier", "extra")}, ["app-logs"]),
        ({"driver": ("local",)}, ["app-data", "app-logs", "other"]),
        ({"driver": ("nfs",)}, []),
        ({"dangling": ("true",)}, ["app-data", "app-logs"]),
        ({"dangling": ("0",)}, ["other"]),
    ],
)
def test_filters(
    volumes: VolumeService, filters: dict[str, tuple[str, ...]], found: list[str]
) -> None:
    volumes.create("app-data", labels={"tier": "db"})
    volumes.create("app-logs", labels={"tier": "log", "extra": ""})
    volumes.create("other")
    volumes.acquire("other", "c1")
    assert [volume.name for volume in volumes.list(filters)] == found


def test_filters_that_make_no_sense(volumes: VolumeService) -> None:
    with pytest.raises(InvalidParameterError, match="invalid filter 'color'"):
        volumes.list({"color": ("red",)})
    with pytest.raises(InvalidParameterError, match="invalid filter 'dangling="):
        volumes.list({"dangling": ("maybe",)})


async def test_prune(volumes: VolumeService, events: EventService) -> None:
    used, free = volumes.create(), volumes.create()
    named = volumes.create("named", labels={"keep": ""})
    volumes.acquire(used.name, "c1")
    (free.mountpoint / "f").write_bytes(b"123")
    assert await volumes.prune({}) == ([free.name], 3)
    assert await volumes.prune({"all": ("true",), "label!": ("keep",)}) == ([], 0)
    assert await volumes.prune({"all": ("true",)}) == ([named.name], 0)
    assert [volume.name for volume in volumes.list({})] == [used.name]
    now = time.time_ns()
    seen = [event async for event in events.subscribe(0, now, {"type": ("volume",)})]
    first = next(event for event in seen if event.action == "prune")
    assert first.attributes == {"reclaimed": "3"}
    assert [event.actor_id for event in seen if event.action == "destroy"] == [
        free.name,
        named.name,
    ]


def test_mounts_are_shared_and_end_with_the_last_user(volumes: VolumeService) -> None:
    volumes.create("ram", driver_opts=TMPFS)
    path = volumes.mount("ram", "c1")
    assert mount.mount_point_of(path).fs_type == "tmpfs"
    assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) == (0o750, 1000)
    (path / "f").write_bytes(b"1")
    assert volumes.mount("ram", "c2") == volumes.mount("ram", "c2") == path
    volumes.unmount("ram", "c1")
    volumes.unmount("ram", "c1")
    assert os.listdir(path) == ["f"]
    volumes.unmount("ram", "c2")
    assert os.listdir(path) == []


def test_a_killed_engine_knows_who_uses_a_mount(
    volumes: VolumeService, database: Database, events: EventService, tmp_path: Path
) -> None:
    volumes.create("ram", driver_opts=TMPFS)
    path = volumes.mount("ram", "c1")
    (path / "f").write_bytes(b"1")
    again = VolumeService(database, events, tmp_path)
    again.mount("ram", "c2")
    again.unmount("ram", "c2")
    assert os.listdir(path) == ["f"]
    again.unmount("ram", "c1")
    assert os.listdir(path) == []
    again.close()


def test_bind_volumes(volumes: VolumeService, tmp_path: Path) -> None:
    source = tmp_path / "host"
    source.mkdir()
    (source / "f").write_bytes(b"1")
    bind = {"type": "none", "o": "bind,ro", "device": str(source)}
    volumes.create("bound", driver_opts=bind)
    path = volumes.mount("bound", "c1")
    assert os.listdir(path) == ["f"]
    with pytest.raises(OSError, match="Read-only"):
        (path / "g").touch()
    volumes.remove("bound")
    volumes.wait_background()
    assert (source / "f").exists()


def test_a_mount_that_fails_says_what_and_why(volumes: VolumeService) -> None:
    bind = {"type": "none", "o": "bind", "device": "/does/not/exist"}
    volumes.create("bound", driver_opts=bind)
    with pytest.raises(InternalError, match=r"failed to mount local volume: mount /does/not/exist"):
        volumes.mount("bound", "c1")


def test_a_file_system_that_the_kernel_lacks(volumes: VolumeService) -> None:
    options = {"type": "nosuchfs", "o": "addr=127.0.0.1,ro", "device": ":/export"}
    volumes.create("far", driver_opts=options)
    words = (
        r"mount :/export:.*, flags: 0x1, data: addr=127.0.0.1: no such device \(the kernel has no"
    )
    with pytest.raises(InternalError, match=words):
        volumes.mount("far", "c1")


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    """An image's tree with something at /srv, and links that try to get out."""
    root = tmp_path / "rootfs"
    (root / "srv/sub").mkdir(parents=True)
    (root / "srv/f").write_bytes(b"content")
    os.link(root / "srv/f", root / "srv/sub/hard")
    os.setxattr(root / "srv/f", "user.k", b"v")
    os.chown(root / "srv/f", 11, 12)
    os.chown(root / "srv", 5, 6)
    (root / "srv").chmod(0o750)
    os.symlink("/srv", root / "inside")
    os.symlink("../../../../../../etc", root / "outside")
    return root


@pytest.mark.parametrize("path", ["/srv", "/inside", "srv/sub/.."])
def test_a_new_volume_takes_the_images_content(
    volumes: VolumeService, rootfs: Path, path: str
) -> None:
    volumes.create("data")
    inode = volumes.mountpoint("data").stat().st_ino
    volumes.copy_up("data", rootfs, path)
    data = volumes.mountpoint("data")
    assert sorted(os.listdir(data)) == ["f", "sub"]
    assert os.path.samefile(data / "f", data / "sub/hard")
    assert os.getxattr(data / "f", "user.k") == b"v"
    assert (data / "f").stat().st_gid == 12
    assert (data.stat().st_uid, stat.S_IMODE(data.stat().st_mode)) == (5, 0o750)
    assert data.stat().st_ino == inode  # running containers may have it mounted
    (data / "f").write_bytes(b"mine")
    volumes.copy_up("data", rootfs, path)
    assert (data / "f").read_bytes() == b"mine"


@pytest.mark.parametrize("path", ["/outside", "/srv/f", "/missing", "/../../../etc"])
def test_copying_stays_in_the_image(volumes: VolumeService, rootfs: Path, path: str) -> None:
    volumes.create("data")
    volumes.copy_up("data", rootfs, path)
    assert os.listdir(volumes.mountpoint("data")) == []
    assert os.listdir(volumes.mountpoint("data").parent) == ["_data"]


def test_a_full_disk_leaves_the_volume_empty(
    database: Database, events: EventService, rootfs: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount.mount("tmpfs", disk, "tmpfs", data="size=1m")
    try:
        volumes = VolumeService(database, events, disk)
        (rootfs / "srv/big").write_bytes(os.urandom(2 << 20))
        volumes.create("data")
        with pytest.raises(StorageFullError, match="no space left"):
            volumes.copy_up("data", rootfs, "/srv")
        assert os.listdir(volumes.mountpoint("data").parent) == ["_data"]
        assert os.listdir(volumes.mountpoint("data")) == []
        volumes.remove("data")
        volumes.close()
    finally:
        mount.unmount(disk, mount.MNT_DETACH)


def test_state_and_disk_agree_after_a_crash(
    volumes: VolumeService, database: Database, events: EventService, tmp_path: Path
) -> None:
    root = tmp_path / "volumes"
    volumes.create("gone")
    volumes.create("kept", labels={"a": "b"})
    os.rename(root / "gone", root / ".trash/x")  # all that a kill during remove lets happen
    (root / ".draft-1/_data").mkdir(parents=True)
    (root / "kept/.draft-2").mkdir()
    (root / "found/_data").mkdir(parents=True)
    (root / "found/_data/f").write_bytes(b"somebody's")
    (root / "kept/.moving-3").mkdir()
    (root / "kept/.moving-3/late").write_bytes(b"1")
    again = VolumeService(database, events, tmp_path)
    again.wait_background()
    assert [volume.name for volume in again.list({})] == ["found", "kept"]
    assert again.get("kept").labels == {"a": "b"}
    assert os.listdir(root / "kept") == ["_data"]
    assert os.listdir(root / "kept/_data") == ["late"]
    assert os.listdir(root / ".trash") == []
    again.remove("found")
    again.close()
    volumes._volumes.pop("gone")
