"""Comparing two whole trees, for drivers that keep no layer apart."""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from boxship.engine.storage.layers.names import WHITEOUT_PREFIX
from boxship.engine.storage.layers.pack import Packer, gather, removal_mark
from boxship.engine.storage.layers.walk import Node, keep_all, walk
from boxship.engine.storage.layers.writer import encode_header
from boxship.engine.storage.snapshots.layer import Change, ChangeKind

_COMPARED = ("st_mode", "st_uid", "st_gid", "st_rdev", "st_mtime_ns")


def tree_changes(old: Path | None, new: Path) -> list[Change]:
    """Return what turns ``old`` (None: an empty tree) into ``new``, sorted by path. [blocking]"""
    changes = [
        Change(kind, "/" + os.fsdecode(path)) for kind, path, _ in differences(old, new) if path
    ]
    return sorted(changes, key=lambda change: change.path)


def pack_difference(
    old: Path | None, new: Path, *, skip: Callable[[Node], bool] = keep_all
) -> Iterator[bytes]:
    """Yield the layer archive that turns ``old`` into ``new``. [blocking]

    ``skip``: leaves a node out.
    """
    return gather(_pieces(old, new, skip))


def _pieces(old: Path | None, new: Path, skip: Callable[[Node], bool]) -> Iterator[bytes]:
    packer = Packer()
    for _, path, node in differences(old, new):
        if node is not None:
            if not skip(node):
                yield from packer.pack(node)
            continue
        parent, _, name = path.rpartition(b"/")
        yield encode_header(removal_mark(parent, WHITEOUT_PREFIX + name))


def differences(old: Path | None, new: Path) -> Iterator[tuple[ChangeKind, bytes, Node | None]]:
    """Yield kind, path and the new node (None for a removed name). [blocking]"""
    links: list[bytes] = []  # of the old tree: what is below them is elsewhere
    for node in walk(new):
        old_path = _join(old, node.path) if old else b""
        before = _status(old_path)
        if before is None or _behind_link(links, node.path):
            yield ChangeKind.ADDED, node.path, node
            continue
        if stat.S_ISLNK(before.st_mode) and stat.S_ISDIR(node.status.st_mode):
            links.append(node.path + b"/")
        if _differs(old_path, node, before):
            yield ChangeKind.MODIFIED, node.path, node
        if stat.S_ISDIR(before.st_mode) and stat.S_ISDIR(node.status.st_mode):
            yield from _removed(old_path, _join(new, node.path), node.path)


def _behind_link(links: list[bytes], path: bytes) -> bool:
    return any(path.startswith(link) for link in links)


def _removed(old: bytes, new: bytes, directory: bytes) -> Iterator[tuple[ChangeKind, bytes, None]]:
    for name in sorted(set(os.listdir(old)) - set(os.listdir(new))):
        yield ChangeKind.DELETED, directory + b"/" + name if directory else name, None


def _differs(old: bytes, node: Node, before: os.stat_result) -> bool:
    status = node.status
    if any(getattr(status, field) != getattr(before, field) for field in _COMPARED):
        return True
    if not stat.S_ISDIR(status.st_mode) and status.st_size != before.st_size:
        return True
    return _xattrs(old) != _xattrs(b"/proc/self/fd/%d/%b" % (node.dir_fd, node.name or b"."))


def _xattrs(path: bytes) -> dict[str, bytes]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:  # the file system has none
        return {}
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}


def _status(path: bytes) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _join(tree: Path, path: bytes) -> bytes:
    return bytes(tree) + b"/" + path
