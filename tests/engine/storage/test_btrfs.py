"""btrfs snapshots, on kernels that have btrfs."""

import os
from pathlib import Path

import pytest

from boxship.engine.storage.service import StorageService
from boxship.errors import NotSupportedError
from boxship.linux import btrfs
from tests.support.archives import archive, member
from tests.support.snapshots import disk


def test_btrfs_shares_blocks_and_removes_all(tmp_path: Path) -> None:
    with disk(tmp_path, "btrfs", 256) as top:
        storage = StorageService(top / "root", "btrfs")
        data = os.urandom(60 << 20)
        layer = archive([member("big", data=data)])
        chain = storage.apply_layer([layer], parent=None).chain_id
        for number in range(8):  # 480 MB in files, on a disk of 256 MB
            storage.create_container(f"c{number}", chain)
        rootfs = storage.mount_container("c0")
        assert (rootfs / "big").stat().st_size == len(data)
        btrfs.create_subvolume(rootfs / "own")
        btrfs.snapshot(rootfs / "own", rootfs / "own/inner")
        for number in range(8):
            storage.remove_container(f"c{number}")
        storage.remove_layer(chain)
        storage.wait_background()
        assert os.listdir(top / "root/btrfs/trash") == []
        storage.close()
        again = StorageService(top / "root", "btrfs")
        assert again.apply_layer([layer], parent=None).chain_id == chain
        again.close()


def test_btrfs_needs_a_btrfs(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedError, match=r"need a data root on btrfs: .* is on "):
        StorageService(tmp_path, "btrfs")
