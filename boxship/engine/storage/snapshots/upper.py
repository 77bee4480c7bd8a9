"""What an overlay's upper directory changes (docker diff)."""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from boxship.engine.storage.layers.walk import Node, keep_all, walk
from boxship.engine.storage.layers.whiteouts import is_opaque, is_whiteout
from boxship.engine.storage.snapshots.layer import Change, ChangeKind
from boxship.linux.openat2 import open_in_root


def upper_changes(
    upper: Path, lowers: Sequence[Path], skip: Callable[[Node], bool] = keep_all
) -> list[Change]:
    """Return the changes of ``upper`` against the layers below, sorted by path. [blocking]

    A directory that was only passed through counts as modified, as in Docker. ``skip``: leaves
    out names that are no content.
    """
    changes = []
    opaque: list[bytes] = []
    for node in walk(upper, skip):
        if not node.path:
            continue
        kind = _kind(node, lowers, opaque)
        changes.append(Change(kind, "/" + os.fsdecode(node.path)))
    return sorted(changes, key=lambda change: change.path)


def _kind(node: Node, lowers: Sequence[Path], opaque: list[bytes]) -> ChangeKind:
    if is_whiteout(node.status):
        return ChangeKind.DELETED
    hidden = any(node.path.startswith(directory) for directory in opaque)
    if stat.S_ISDIR(node.status.st_mode):
        descriptor = node.open()
        try:
            if is_opaque(descriptor):
                opaque.append(node.path + b"/")
        finally:
            os.close(descriptor)
    if hidden or not _exists_below(node.path, lowers):
        return ChangeKind.ADDED
    return ChangeKind.MODIFIED


def _exists_below(path: bytes, lowers: Sequence[Path]) -> bool:
    """Look through the layers, the topmost first, as overlayfs does."""
    for lower in lowers:
        found = _look(lower, path)
        if found is not None:
            return found
    return False


def _look(lower: Path, path: bytes) -> bool | None:
    """Tell whether this layer has the path, or has removed it (False), or does not say (None)."""
    name = b""
    for part in path.split(b"/"):
        name = name + b"/" + part if name else part
        try:
            status = os.lstat(bytes(lower) + b"/" + name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if is_whiteout(status):
            return False
        if name != path and _hides(lower, name, status):
            rest = bytes(lower) + b"/" + path
            return os.path.lexists(rest)
    return True


def _hides(lower: Path, name: bytes, status: os.stat_result) -> bool:
    """Tell whether nothing below this layer can be seen through ``name``."""
    if not stat.S_ISDIR(status.st_mode):
        return True
    descriptor = open_in_root(bytes(lower), name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        return is_opaque(descriptor)
    finally:
        os.close(descriptor)
