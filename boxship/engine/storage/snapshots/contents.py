"""Looking into layers as they lie on the disk, without their archives."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from boxship.engine.storage.layers.walk import Node, walk
from boxship.engine.storage.layers.whiteouts import is_opaque, is_whiteout
from boxship.engine.storage.snapshots.difference import differences
from boxship.engine.storage.snapshots.layout import Layout
from boxship.linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2

WHOLE_TREES = frozenset({"vfs", "btrfs"})
"""Drivers whose layers hold the files of the layers below too."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_STAY_INSIDE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS


class LayerFile(msgspec.Struct, frozen=True):
    """One name that a layer brings or takes away."""

    path: bytes
    """Relative, without a leading slash."""
    status: os.stat_result | None
    """None: the layer removes the name, and all below it."""
    link: bytes = b""
    """Target of a symbolic link."""
    opaque: bool = False
    """A directory in which nothing of the layers below is seen."""

    @property
    def is_directory(self) -> bool:
        """Whether the layer brings a directory of this name."""
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)


class LayerContents:
    """What the layers of one driver hold. Methods block."""

    def __init__(self, layout: Layout, driver: str) -> None:
        self._layout = layout
        self._has_whole_trees = driver in WHOLE_TREES

    def files(self, chain_id: str) -> Iterator[LayerFile]:
        """Yield what a layer alone changes, a directory before what is in it, without the root."""
        tree = self._layout.layer_tree(chain_id)
        parent = self._layout.layer(chain_id).parent
        if self._has_whole_trees:
            yield from _compared(self._layout.layer_tree(parent) if parent else None, tree)
            return
        for node in walk(tree):
            if node.path:
                yield _of_upper(node)

    def look(self, chain_ids: Sequence[str], path: bytes) -> tuple[int, LayerFile] | None:
        """Find the name that is seen through a stack of layers: its layer's place, and the file.

        chain_ids: lowest first. None: nothing is seen there.
        """
        if self._has_whole_trees:
            found = self._look_into(chain_ids[-1], path) if chain_ids else None
            return (len(chain_ids) - 1, found) if isinstance(found, LayerFile) else None
        for place in range(len(chain_ids) - 1, -1, -1):
            found = self._look_into(chain_ids[place], path)
            if isinstance(found, LayerFile):
                return place, found
            if found:
                return None
        return None

    def names(self, chain_ids: Sequence[str], directory: bytes) -> list[bytes]:
        """Return the names seen in a directory through a stack of layers, sorted."""
        seen: set[bytes] = set()
        for chain_id in chain_ids[-1:] if self._has_whole_trees else chain_ids:
            with self._opened(chain_id, directory) as descriptor:
                if descriptor is not None:
                    seen.update(map(os.fsencode, os.listdir(descriptor)))
        prefix = directory + b"/" if directory else b""
        return sorted(name for name in seen if self.look(chain_ids, prefix + name) is not None)

    def open(self, chain_id: str, path: bytes) -> int:
        """Open a regular file of a layer for reading; its links are not followed."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        root = os.open(self._layout.layer_tree(chain_id), _DIRECTORY)
        try:
            return openat2(root, path, flags, resolve=_STAY_INSIDE)
        finally:
            os.close(root)

    def open_directory(self, chain_id: str, path: bytes) -> int:
        """Open a directory of a layer; b"" is its root. Links are not followed."""
        root = os.open(self._layout.layer_tree(chain_id), _DIRECTORY)
        try:
            return openat2(root, path, _DIRECTORY, resolve=_STAY_INSIDE)
        finally:
            os.close(root)

    def _look_into(self, chain_id: str, path: bytes) -> LayerFile | bool:
        """Return a layer's file; True where the layer hides the name; False: it does not say."""
        parent, _, name = path.rpartition(b"/")
        if parent and (hidden := self._hides(chain_id, parent)) is not None:
            return hidden
        with self._opened(chain_id, parent) as descriptor:
            if descriptor is None:
                return False
            try:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                return not self._has_whole_trees and self._is_opaque_at(chain_id, parent)
            if not self._has_whole_trees and is_whiteout(status):
                return True
            return _described(Node(descriptor, parent, name, status))

    def _hides(self, chain_id: str, directory: bytes) -> bool | None:
        """Tell whether a layer has something else than a directory on the way: then True.

        None: the directory is there; False: the layer does not say anything about it.
        """
        tree = bytes(self._layout.layer_tree(chain_id))
        path = b""
        opaque = False
        for part in directory.split(b"/"):
            path = path + b"/" + part if path else part
            try:
                status = os.lstat(tree + b"/" + path)
            except FileNotFoundError:
                return opaque
            if not stat.S_ISDIR(status.st_mode):
                return True
            opaque = opaque or (not self._has_whole_trees and _opaque_path(tree + b"/" + path))
        return None

    def _is_opaque_at(self, chain_id: str, directory: bytes) -> bool:
        """Tell whether a directory or one above it is opaque in a layer that has it."""
        tree = bytes(self._layout.layer_tree(chain_id))
        while directory:
            if _opaque_path(tree + b"/" + directory):
                return True
            directory = directory.rpartition(b"/")[0]
        return False

    @contextmanager
    def _opened(self, chain_id: str, directory: bytes) -> Iterator[int | None]:
        root = os.open(self._layout.layer_tree(chain_id), _DIRECTORY)
        try:
            descriptor = openat2(root, directory, _DIRECTORY, resolve=_STAY_INSIDE)
        except OSError:  # absent, a whiteout, a file or a link
            descriptor = None
        finally:
            os.close(root)
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _compared(old: Path | None, new: Path) -> Iterator[LayerFile]:
    for _, path, node in differences(old, new):
        if path:
            yield LayerFile(path, None) if node is None else _described(node)


def _of_upper(node: Node) -> LayerFile:
    if is_whiteout(node.status):
        return LayerFile(node.path, None)
    if not stat.S_ISDIR(node.status.st_mode):
        return _described(node)
    descriptor = node.open()
    try:
        return LayerFile(node.path, node.status, opaque=is_opaque(descriptor))
    finally:
        os.close(descriptor)


def _described(node: Node) -> LayerFile:
    link = b""
    if stat.S_ISLNK(node.status.st_mode):
        link = os.readlink(node.name, dir_fd=node.dir_fd)
    return LayerFile(node.path, node.status, link)


def _opaque_path(path: bytes) -> bool:
    descriptor = os.open(path, _DIRECTORY)
    try:
        return is_opaque(descriptor)
    finally:
        os.close(descriptor)
