"""What every snapshot driver must do with containers' trees."""

import os
import stat
from pathlib import Path

import pytest

from boxship.engine.storage.service import StorageService
from boxship.errors import ConflictError, NotFoundError
from tests.support.archives import archive, member

LAYER = archive(
    [
        member(".", "dir", mode=0o711),
        member("etc", "dir"),
        member("etc/a", data=b"a"),
        member("etc/b", data=b"bb"),
        member("usr", "dir"),
        member("usr/x", data=b"x"),
    ]
)


@pytest.fixture
def chain(storage: StorageService) -> str:
    return storage.apply_layer([LAYER], parent=None).chain_id


def test_containers_write_apart(storage: StorageService, chain: str) -> None:
    for name in ("one", "two"):
        storage.create_container(name, chain)
    one, two = (storage.mount_container(name) for name in ("one", "two"))
    (one / "etc/a").write_bytes(b"changed")
    assert (two / "etc/a").read_bytes() == b"a"
    assert stat.S_IMODE(one.stat().st_mode) == 0o711
    assert sorted(storage.container_ids()) == ["one", "two"]
    assert storage.chains_of_containers() == {chain}


def test_mounting_is_idempotent_and_keeps_what_was_written(
    storage: StorageService, chain: str
) -> None:
    storage.create_container("one", chain)
    rootfs = storage.mount_container("one")
    (rootfs / "kept").write_bytes(b"k")
    assert storage.mount_container("one") == rootfs
    storage.unmount_container("one")
    storage.unmount_container("one")
    storage.wait_background()
    assert storage.mount_container("one", volatile=True) == rootfs
    assert (rootfs / "kept").read_bytes() == b"k"
    storage.unmount_container("one")
    storage.wait_background()
    assert (storage.mount_container("one", volatile=True) / "kept").exists()


def test_mounting_again_at_once_wins_over_unmounting(storage: StorageService, chain: str) -> None:
    storage.create_container("one", chain)
    for _ in range(20):
        rootfs = storage.mount_container("one")
        storage.unmount_container("one")
    rootfs = storage.mount_container("one")
    storage.wait_background()
    assert (rootfs / "etc/a").exists()


def test_an_open_file_does_not_hold_a_container_back(storage: StorageService, chain: str) -> None:
    storage.create_container("one", chain)
    with (storage.mount_container("one") / "etc/a").open("rb") as file:
        storage.remove_container("one")
        storage.wait_background()
        assert storage.container_ids() == []
        assert file.read() == b"a"


def test_a_container_without_an_image(storage: StorageService) -> None:
    storage.create_container("one", None)
    rootfs = storage.mount_container("one")
    assert os.listdir(rootfs) == []
    (rootfs / "f").write_bytes(b"1")
    assert [change.path for change in storage.changes("one")] == ["/f"]


def test_names_that_are_taken_or_missing(storage: StorageService, chain: str) -> None:
    storage.create_container("one", chain)
    with pytest.raises(ConflictError):
        storage.create_container("one", chain)
    with pytest.raises(NotFoundError):
        storage.create_container("two", "sha256:" + "0" * 64)
    for operation in (storage.mount_container, storage.container_size, storage.changes):
        with pytest.raises(NotFoundError):
            operation("nobody")
    storage.remove_container("nobody")
    storage.unmount_container("nobody")
    storage.wait_background()
    assert storage.container_ids() == ["one"]


def test_changes_in_docker_letters(storage: StorageService, chain: str) -> None:
    storage.create_container("one", chain)
    rootfs = storage.mount_container("one")
    assert storage.changes("one") == []
    assert storage.container_size("one") == 0
    (rootfs / "etc/a").write_bytes(b"changed")
    (rootfs / "etc/b").unlink()
    (rootfs / "new").mkdir()
    (rootfs / "new/file").write_bytes(b"12345")
    (rootfs / "usr/x").unlink()
    (rootfs / "usr").rmdir()
    (rootfs / "usr").mkdir()
    (rootfs / "usr/y").write_bytes(b"")
    found = [f"{change.kind} {change.path}" for change in storage.changes("one")]
    assert [line for line in found if "/usr/x" not in line] == [
        "C /etc",
        "C /etc/a",
        "D /etc/b",
        "A /new",
        "A /new/file",
        "C /usr",
        "A /usr/y",
    ]
    assert storage.container_size("one") == len(b"changed") + 5
    assert storage.container_rootfs_size("one") == len(b"changed") + 5 + 4


def test_a_restarted_service_finds_everything(
    storage: StorageService, chain: str, data_root: Path, driver: str
) -> None:
    storage.create_container("one", chain)
    rootfs = storage.mount_container("one")
    (rootfs / "mine").write_bytes(b"1")
    again = StorageService(data_root)
    assert again.driver_name == driver
    assert again.container_ids() == ["one"]
    assert again.mount_container("one") == rootfs
    assert again.has_layer(chain)
    again.close()
    assert (rootfs / "mine").exists()


def test_inspect_shows_where_things_are(storage: StorageService, chain: str) -> None:
    storage.create_container("one", chain)
    name, data = storage.graph_driver("one")
    assert name == storage.driver_name
    if name in ("overlay2", "fuse-overlayfs"):
        assert set(data) == {"LowerDir", "MergedDir", "UpperDir", "WorkDir"}
        assert data["MergedDir"] == str(storage.mount_container("one"))


def test_many_layers(storage: StorageService) -> None:
    """Docker's own limit is 125."""
    chain = None
    count = 126 if storage.driver_name != "vfs" else 5
    for number in range(count):
        layer = archive([member(f"f{number}", data=b"1")])
        chain = storage.apply_layer([layer], parent=chain).chain_id
    storage.create_container("one", chain)
    assert len(os.listdir(storage.mount_container("one"))) == count


def test_info_says_why(storage: StorageService) -> None:
    assert ("Reason", "chosen by the configuration") in storage.driver_status
