"""Layers that are unpacked before those below them become what they would have become after."""

import os
import stat
from pathlib import Path

import pytest

from boxship.engine.storage.errors import CorruptContentError, NeedsParentError
from boxship.engine.storage.service import StorageService
from boxship.engine.storage.snapshots.layer import chain_id
from boxship.errors import InvalidParameterError
from tests.support.archives import archive, member

BASE = archive(
    [
        member(".", "dir", mode=0o711, uid=7, gid=8),
        member("etc", "dir", mode=0o750),
        member("etc/old", data=b"old"),
    ]
)
COMPLETE = archive([member("srv", "dir"), member("srv/new", data=b"new"), member("etc", "dir")])
REMOVES = archive([member("etc", "dir", mode=0o750), member("etc/.wh.old", data=b"")])
IMPLICIT = archive([member("etc/new", data=b"new")])
LINKS = archive([member("hard", "hardlink", linkname="etc/old")])
BROKEN = archive([member("hard", "hardlink", linkname="/")])


def bring(storage: StorageService, layer: bytes) -> str:
    """Unpack a layer, ahead of its parent where that can be; return the chain id."""
    try:
        found = storage.unpack_ahead([layer])
    except NeedsParentError:
        base = storage.apply_layer([BASE], parent=None).chain_id
        return storage.apply_layer([layer], parent=base).chain_id
    base = storage.apply_layer([BASE], parent=None).chain_id
    placed = storage.place_layer(found, parent=base, expected_diff_id=found.diff_id, blob="")
    assert placed.chain_id == chain_id(base, found.diff_id)
    return placed.chain_id


def rootfs(storage: StorageService, chain: str) -> Path:
    storage.create_container("c" * 64, chain)
    return storage.mount_container("c" * 64)


def drafts(storage: StorageService, data_root: Path) -> list[str]:
    storage.wait_background()
    place = data_root / storage.driver_name
    return [name for part in ("tmp", "trash") for name in os.listdir(place / part)]


@pytest.mark.parametrize("layer", [COMPLETE, REMOVES, IMPLICIT, LINKS])
def test_the_same_tree_as_in_order(storage: StorageService, layer: bytes) -> None:
    tree = rootfs(storage, bring(storage, layer))
    root = tree.stat()
    assert (stat.S_IMODE(root.st_mode), root.st_uid, root.st_gid) == (0o711, 7, 8)
    if layer is not COMPLETE:
        assert stat.S_IMODE((tree / "etc").stat().st_mode) == 0o750
    assert (tree / "etc/old").exists() == (layer is not REMOVES)
    if layer is LINKS:
        assert (tree / "hard").read_bytes() == b"old"


@pytest.mark.parametrize("layer", [IMPLICIT, LINKS])
def test_what_needs_the_layer_below_says_so(
    storage: StorageService, data_root: Path, layer: bytes
) -> None:
    with pytest.raises(NeedsParentError):
        storage.unpack_ahead([layer])
    assert drafts(storage, data_root) == []


def test_only_some_drivers_can(storage: StorageService, driver: str) -> None:
    assert storage.unpacks_ahead == (driver in ("overlay2", "fuse-overlayfs"))
    if not storage.unpacks_ahead:
        with pytest.raises(NeedsParentError):
            storage.unpack_ahead([COMPLETE])


def test_failures_leave_nothing(storage: StorageService, data_root: Path) -> None:
    with pytest.raises((InvalidParameterError, NeedsParentError)):
        storage.unpack_ahead([BROKEN])
    if storage.unpacks_ahead:
        found = storage.unpack_ahead([COMPLETE])
        with pytest.raises(CorruptContentError, match="layer verification failed"):
            storage.place_layer(found, parent=None, expected_diff_id="sha256:" + "0" * 64, blob="")
        storage.discard_ahead(storage.unpack_ahead([COMPLETE]))
    assert list(storage.layers()) == []
    assert drafts(storage, data_root) == []
