"""Snapshots by btrfs: a layer is a subvolume, a container a writable snapshot of one."""

import errno
from pathlib import Path

from boxship.engine.storage.snapshots.layout import Layout
from boxship.engine.storage.snapshots.whole import WholeTreeDriver, own_by_root
from boxship.engine.storage.trees import remove_tree
from boxship.errors import NotSupportedError
from boxship.linux import btrfs, mount


class BtrfsDriver(WholeTreeDriver):
    """Trees share all blocks that nobody changed; making one takes the same time whatever it has.

    The data root must lie on a btrfs.
    """

    name = "btrfs"

    def __init__(self, root: Path) -> None:
        super().__init__(Layout(root, _remove))

    def open(self) -> None:
        """Check that the file system is btrfs and collect leftovers."""
        backing = mount.mount_point_of(self.layout.root.parent).fs_type
        if backing != "btrfs":
            raise NotSupportedError(
                f"btrfs snapshots need a data root on btrfs: {self.layout.root.parent} is on "
                f"{backing}"
            )
        super().open()

    def status(self) -> list[tuple[str, str]]:
        """Return Docker's row."""
        return [("Btrfs", "")]

    def _begin(self, chain_id: str | None, tree: Path) -> None:
        if chain_id is not None:
            self.layout.layer(chain_id)
            btrfs.snapshot(self.layout.layer_tree(chain_id), tree)
            return
        btrfs.create_subvolume(tree)
        own_by_root(tree)


def _remove(path: Path) -> None:
    """Remove a draft, layer or container: at once by its subvolume, else file by file."""
    tree = path / "diff"
    if btrfs.is_subvolume(tree):
        try:
            btrfs.destroy_subvolume(tree)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EPERM):  # it holds other subvolumes
                raise
    remove_tree(path)
