"""Snapshots by whole copies: works on every file system, at the price of space and time.

Where the file system can share blocks between files (btrfs, xfs), copies cost little.
"""

import os
from pathlib import Path

from boxship.engine.storage.snapshots.layout import Layout
from boxship.engine.storage.snapshots.whole import WholeTreeDriver, own_by_root
from boxship.engine.storage.trees import copy_tree

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class VfsDriver(WholeTreeDriver):
    """Every layer and every container has all files of its own."""

    name = "vfs"

    def __init__(self, root: Path) -> None:
        super().__init__(Layout(root))

    def _begin(self, chain_id: str | None, tree: Path) -> None:
        tree.mkdir(mode=0o755)
        own_by_root(tree)
        if chain_id is None:
            return
        self.layout.layer(chain_id)
        source = os.open(self.layout.layer_tree(chain_id), _DIRECTORY)
        try:
            target = os.open(tree, _DIRECTORY)
            try:
                copy_tree(source, target)
            finally:
                os.close(target)
        finally:
            os.close(source)
