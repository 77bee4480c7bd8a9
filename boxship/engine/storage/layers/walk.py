"""Walking a tree by descriptors, sorted by name, however deep it is."""

import os
import stat
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import msgspec

from boxship.linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Node(msgspec.Struct):
    """A name in a tree. Its descriptor is good until the walk goes on."""

    dir_fd: int
    """Descriptor of the directory that it is in."""
    parent: bytes
    """Path of that directory relative to the root of the walk; b"" is the root."""
    name: bytes
    status: os.stat_result

    @property
    def path(self) -> bytes:
        """Path relative to the root of the walk; b"" for the root itself."""
        return self.parent + b"/" + self.name if self.parent else self.name

    def open(self) -> int:
        """Open a file or directory for reading."""
        return os.open(self.name or b".", _FILE, dir_fd=self.dir_fd)


def keep_all(_node: Node) -> bool:
    """The filter that leaves nothing out."""
    return False


def walk(tree: Path | int, skip: Callable[[Node], bool] = keep_all) -> Iterator[Node]:
    """Yield the root and all below, each directory before what it holds. [blocking]

    Names that vanish meanwhile are left out; ``skip`` leaves out a node and all below it. Links
    are not followed. ``tree`` may be the descriptor of a directory, which is left open.
    """
    if isinstance(tree, int):
        root = os.open(".", _DIRECTORY, dir_fd=tree)
    else:
        root = os.open(tree, _DIRECTORY)
    try:
        yield Node(root, b"", b"", os.fstat(root))
        pending = [b""]
        while pending:
            directory = pending.pop()
            try:
                resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
                dir_fd = openat2(root, directory, _DIRECTORY, resolve=resolve)
            except FileNotFoundError:
                continue
            try:
                below = yield from _children(dir_fd, directory, skip)
            finally:
                os.close(dir_fd)
            pending += reversed(below)
    finally:
        os.close(root)


def _children(
    dir_fd: int, directory: bytes, skip: Callable[[Node], bool]
) -> Generator[Node, None, list[bytes]]:
    below = []
    for name in sorted(map(os.fsencode, os.listdir(dir_fd))):
        try:
            status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        except FileNotFoundError:
            continue
        node = Node(dir_fd, directory, name, status)
        if skip(node):
            continue
        yield node
        if stat.S_ISDIR(status.st_mode):
            below.append(node.path)
    return below
