"""Filling a new volume with what the image has at its place."""

import errno
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from boxship.engine.storage.trees import copy_attributes, copy_tree, share_blocks
from boxship.linux.openat2 import open_in_root

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def copy_content(rootfs: Path, path: str, target: Path) -> bool:
    """Copy the directory ``path`` of a root filesystem to the empty directory ``target``.

    Its own owner, mode and attributes come with it. Links on the way stay inside the root
    filesystem. Returns False where there is no such directory. [blocking]
    """
    try:
        source_fd = open_in_root(bytes(rootfs), path, _DIRECTORY)
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            return False
        raise
    with ExitStack() as stack:
        stack.callback(os.close, source_fd)
        copy_tree(source_fd, _open(stack, target))
    return True


def copy_directory_attributes(source: Path, target: Path) -> None:
    """Give a directory owner, mode, times and extended attributes of another. [blocking]"""
    with ExitStack() as stack:
        copy_attributes(_open(stack, source), _open(stack, target))


def copy_whole(source: Path, target: Path) -> None:
    """Copy all that a directory holds, and its attributes, to an empty one. [blocking]"""
    with ExitStack() as stack:
        copy_tree(_open(stack, source), _open(stack, target))


def shares_blocks(source: Path, target: Path) -> bool:
    """Tell whether files copied from one directory to another share blocks. [blocking]"""
    if os.stat(source).st_dev != os.stat(target).st_dev:
        return False
    with (
        tempfile.TemporaryFile(dir=target) as one,
        tempfile.TemporaryFile(dir=target) as other,
    ):
        one.write(bytes(4096))
        one.flush()
        return share_blocks(one.fileno(), other.fileno())


def _open(stack: ExitStack, path: Path) -> int:
    descriptor = os.open(path, _DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, descriptor)
    return descriptor
