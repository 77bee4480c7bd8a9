"""Full disks, killed processes, power cuts: what was whole stays, nothing half remains."""

import os
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.engine.storage.errors import StorageFullError
from boxship.engine.storage.service import StorageService
from boxship.errors import InvalidParameterError, NotSupportedError
from boxship.linux import mount
from tests.support.archives import archive, member
from tests.support.snapshots import drivers

LAYER = archive([member("etc", "dir"), member("etc/f", data=b"x" * 1000)])
MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount.mount("tmpfs", path, "tmpfs", data="size=8m")
    yield path
    for point in [point for point in mount.mount_points() if point.target.startswith(str(path))]:
        mount.unmount(point.target, mount.MNT_DETACH)


@pytest.mark.parametrize("driver", sorted(set(drivers()) - {"btrfs"}))
def test_a_full_disk_fails_the_layer_and_gives_the_space_back(
    small_disk: Path, driver: str
) -> None:
    storage = StorageService(small_disk / "root", driver)
    base = storage.apply_layer([LAYER], parent=None)
    free = os.statvfs(small_disk).f_bavail
    big = archive([member(f"f{number}", data=os.urandom(MIB)) for number in range(12)])
    with pytest.raises(StorageFullError, match=r"no space left on device.*remove images"):
        storage.apply_layer([big], parent=base.chain_id)
    with (
        pytest.raises(StorageFullError, match="no space left"),
        storage.content.writer() as writer,
    ):
        writer.write(big)
    storage.wait_background()
    assert os.statvfs(small_disk).f_bavail >= free - 4
    assert list(storage.layers()) == [base.chain_id]
    assert os.listdir(storage.content.root / "ingest") == []
    storage.create_container("one", base.chain_id)
    assert (storage.mount_container("one") / "etc/f").stat().st_size == 1000
    storage.remove_container("one")
    storage.close()


_CHILD = """
import sys, time
from pathlib import Path
from boxship.engine.storage.service import StorageService

def stream(path):
    data = Path(path).read_bytes()
    yield data[: len(data) // 2]
    print("half", flush=True)
    time.sleep(60)

storage = StorageService(Path(sys.argv[1]), sys.argv[2])
writer = storage.content.writer()
writer.write(b"half a blob")
storage.apply_layer(stream(sys.argv[3]), parent=None)
"""


@pytest.mark.parametrize("driver", sorted(set(drivers()) - {"btrfs"}))
def test_a_killed_engine_leaves_nothing_half(tmp_path: Path, driver: str) -> None:
    layer = tmp_path / "layer.tar"
    layer.write_bytes(archive([member(f"f{n}", data=os.urandom(MIB)) for n in range(8)]))
    root = tmp_path / "root"
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, root, driver, layer], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "half\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert os.listdir(root / driver / "tmp")
    storage = StorageService(root, driver)
    storage.wait_background()
    assert list(storage.layers()) == []
    assert os.listdir(root / driver / "tmp") == []
    assert os.listdir(root / driver / "trash") == []
    assert os.listdir(storage.content.root / "ingest") == []
    with layer.open("rb") as file:
        assert storage.apply_layer(file, parent=None).size == 8 * MIB
    storage.close()


def test_a_removal_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    storage = StorageService(tmp_path, "overlay2")
    chain = storage.apply_layer([LAYER], parent=None).chain_id
    storage.create_container("one", chain)
    rootfs = storage.mount_container("one")
    home = tmp_path / "overlay2/containers/one"
    os.rename(home, tmp_path / "overlay2/trash/abc")  # all that a kill lets happen
    again = StorageService(tmp_path, "overlay2")
    again.wait_background()
    assert not rootfs.exists()
    assert os.listdir(tmp_path / "overlay2/trash") == []
    assert again.container_ids() == []
    again.close()
    storage.close()


def test_layers_of_a_boot_that_ended_before_they_were_flushed(tmp_path: Path) -> None:
    storage = StorageService(tmp_path, "overlay2")
    kept = storage.apply_layer([LAYER], parent=None).chain_id
    lost = storage.apply_layer([LAYER], parent=kept).chain_id
    storage.wait_background()
    storage.close()
    marks = tmp_path / "overlay2/unsynced"
    assert os.listdir(marks) == []
    (marks / lost.removeprefix("sha256:")).write_text("another boot")
    again = StorageService(tmp_path, "overlay2")
    again.wait_background()
    assert list(again.layers()) == [kept]
    assert os.listdir(marks) == []
    assert again.apply_layer([LAYER], parent=kept).chain_id == lost
    again.close()


def test_one_layer_applied_by_many_at_once(tmp_path: Path) -> None:
    storage = StorageService(tmp_path)
    chains: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: chains.append(storage.apply_layer([LAYER], parent=None).chain_id)
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    storage.wait_background()
    assert len(chains) == 6
    assert list(storage.layers()) == list(set(chains))
    assert os.listdir(tmp_path / "overlay2/trash") == []
    storage.close()


def test_the_choice_of_a_driver(tmp_path: Path) -> None:
    first = StorageService(tmp_path / "a")
    assert (first.driver_name, first.driver_reason) == ("overlay2", "the best that works here")
    assert ("Native Overlay Diff", "true") in first.driver_status
    first.close()
    forced = StorageService(tmp_path / "b", "vfs")
    forced.apply_layer([LAYER], parent=None)
    forced.close()
    kept = StorageService(tmp_path / "b")
    assert (kept.driver_name, kept.driver_reason) == ("vfs", "layers are stored with it already")
    kept.close()
    with pytest.raises(InvalidParameterError, match="unknown storage driver 'zfs'"):
        StorageService(tmp_path / "c", "zfs")


def test_on_an_overlay_the_choice_falls_on_vfs_and_says_why(tmp_path: Path) -> None:
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    options = ",".join(
        f"{key}dir={tmp_path / name}"
        for key, name in (("lower", "lower"), ("upper", "upper"), ("work", "work"))
    )
    mount.mount("overlay", tmp_path / "merged", "overlay", data=options)
    try:
        storage = StorageService(tmp_path / "merged")
        assert storage.driver_name == "vfs"
        assert "overlay does not work on the overlay file system" in storage.driver_reason
        assert "fuse-overlayfs " in storage.driver_reason
        assert "need a data root on btrfs" in storage.driver_reason
        storage.close()
        with pytest.raises(NotSupportedError, match="overlay does not work"):
            StorageService(tmp_path / "merged/again", "overlay2")
    finally:
        mount.unmount(tmp_path / "merged", mount.MNT_DETACH)


def test_unpacking_holds_little_memory(tmp_path: Path) -> None:
    """A stream that is never whole in memory: the queues between stages are bounded."""
    storage = StorageService(tmp_path)
    handed = 0
    largest = 0
    info = tarfile.TarInfo("big")
    info.size = 64 * MIB
    piece = bytes(MIB)

    def stream() -> Iterator[bytes]:
        nonlocal handed, largest
        yield info.tobuf(tarfile.PAX_FORMAT)
        for _ in range(64):
            handed += len(piece)
            path = next((tmp_path / "overlay2/tmp").glob("*/diff/big"), None)
            largest = max(largest, handed - (path.stat().st_size if path else 0))
            yield piece
        yield bytes(1024)

    storage.apply_layer(stream(), parent=None)
    assert largest <= 12 * MIB
    storage.close()
