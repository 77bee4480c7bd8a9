"""What is seen through a stack of layers, for layers whose hard links lead to layers below.

Docker's classic drivers and containerd apply such a layer to a mounted union, where linking copies
the file up first; the same is done here without a mount.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from boxship.engine.storage.layers.whiteouts import is_opaque, is_whiteout
from boxship.engine.storage.trees import copy_single

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def copy_up(trees: Sequence[Path], path: bytes, target_fd: int) -> os.stat_result | None:
    """Copy a file that a stack of trees shows at ``path`` into a directory. [blocking]

    trees: the topmost first. Links on the way are not followed. None: nothing is seen there; else
    the status of what was copied (of a directory, which is not copied).
    """
    parent, _, name = path.rpartition(b"/")
    for tree in trees:
        dir_fd, hides = _enter(tree, parent)
        if dir_fd is None:
            if hides:
                return None
            continue
        try:
            status = _status(dir_fd, name)
            if status is not None:
                return _copy(dir_fd, target_fd, name, status)
            if hides:
                return None
        finally:
            os.close(dir_fd)
    return None


def _copy(
    dir_fd: int, target_fd: int, name: bytes, status: os.stat_result
) -> os.stat_result | None:
    if is_whiteout(status):
        return None
    if not stat.S_ISDIR(status.st_mode):
        copy_single(dir_fd, target_fd, os.fsdecode(name), status)
    return status


def _enter(tree: Path, path: bytes) -> tuple[int | None, bool]:
    """Open a directory of one tree; tell whether the tree hides that of those below."""
    descriptor = os.open(tree, _DIRECTORY)
    hides = False
    for name in path.split(b"/") if path else ():
        status = _status(descriptor, name)
        if status is None or not stat.S_ISDIR(status.st_mode):
            os.close(descriptor)
            return None, hides or status is not None
        following = os.open(name, _DIRECTORY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = following
        hides = hides or is_opaque(descriptor)
    return descriptor, hides


def _status(dir_fd: int, name: bytes) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
