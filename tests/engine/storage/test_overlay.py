"""The overlay driver at its limits, and the choice between drivers."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.engine.storage.service import StorageService
from boxship.engine.storage.snapshots.overlay import MAX_LAYERS
from boxship.errors import InvalidParameterError
from boxship.linux import mount
from boxship.linux.fsmount import MountRefusedError, mount_with
from tests.support.archives import archive, member

LAYER = archive([member("etc", "dir"), member("etc/f", data=b"x" * 1000)])


def test_overlay_stacks_what_the_kernel_can(tmp_path: Path) -> None:
    storage = StorageService(tmp_path / "a:long,name", "overlay2")
    chain = None
    layers = [archive([member(f"f{number}", data=b"1")]) for number in range(MAX_LAYERS + 1)]
    for layer in layers[:MAX_LAYERS]:
        chain = storage.apply_layer([layer], parent=chain).chain_id
    with pytest.raises(InvalidParameterError, match="max depth exceeded: the image has 501 layers"):
        storage.apply_layer([layers[MAX_LAYERS]], parent=chain)
    storage.create_container("one", chain)
    assert len(os.listdir(storage.mount_container("one"))) == MAX_LAYERS
    storage.remove_container("one")
    storage.wait_background()
    storage.close()


def test_an_older_kernel_names_layers_by_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boxship.engine.storage.snapshots.overlay._appends_lowers", lambda: False)
    storage = StorageService(tmp_path, "overlay2")
    chain = None
    for number in range(140):
        layer = archive([member(f"f{number}", data=b"1")])
        chain = storage.apply_layer([layer], parent=chain).chain_id
    storage.create_container("one", chain)
    assert len(os.listdir(storage.mount_container("one"))) == 140
    storage.remove_container("one")
    storage.wait_background()
    storage.close()


def test_the_kernel_s_own_words_are_passed_on(tmp_path: Path) -> None:
    with pytest.raises(MountRefusedError) as refused:
        mount_with("overlay", tmp_path, [("lowerdir+", str(tmp_path)), ("nonsense", "1")])
    assert "nonsense" in str(refused.value)
    assert not mount.is_mount_point(tmp_path)


def test_another_driver_by_order_says_what_is_left_behind(tmp_path: Path) -> None:
    first = StorageService(tmp_path, "vfs")
    first.apply_layer([LAYER], parent=None)
    first.close()
    told = StorageService(tmp_path, "overlay2")
    assert told.driver_reason == (
        f"chosen by the configuration; images and containers of vfs stay in {tmp_path} "
        "and are not seen"
    )
    told.close()


@pytest.fixture
def visited(tmp_path: Path) -> Iterator[StorageService]:
    """A storage with a container named one."""
    storage = StorageService(tmp_path, "overlay2")
    storage.create_container("one", storage.apply_layer([LAYER], parent=None).chain_id)
    yield storage
    storage.remove_container("one")
    storage.wait_background()
    storage.close()


def test_a_visitor_leaves_the_mount_to_who_starts_the_container(visited: StorageService) -> None:
    with visited.borrowed("one") as rootfs, visited.borrowed("one"):
        assert (rootfs / "etc/f").exists()
        visited.mount_container("one")
    visited.wait_background()
    assert visited.is_mounted("one")


def test_a_stop_leaves_the_mount_to_its_visitors(visited: StorageService) -> None:
    visited.mount_container("one")
    with visited.borrowed("one"):
        with visited.borrowed("one"):
            visited.unmount_container("one")
        visited.wait_background()
        assert visited.is_mounted("one")
    visited.wait_background()
    assert not visited.is_mounted("one")
