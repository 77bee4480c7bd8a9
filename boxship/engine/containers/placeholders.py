"""Files and directories that are only there for the engine to mount something on them.

Docker has them in a layer of their own, which is no part of ``diff`` and ``commit``.
"""

import os
import stat
from collections.abc import Iterable

from boxship.engine.storage.layers.walk import Node
from boxship.engine.storage.snapshots.layer import Change, ChangeKind

_FILES = frozenset(
    (b"etc/hosts", b"etc/hostname", b"etc/resolv.conf", b"dev/console", b".dockerenv")
)
_DIRECTORIES = frozenset((b"dev", b"dev/pts", b"dev/shm", b"dev/mqueue", b"proc", b"sys"))
_ALL = _FILES | _DIRECTORIES
_FILE_PATHS = frozenset(f"/{path.decode()}" for path in _FILES)
_DIRECTORY_PATHS = tuple(f"/{path.decode()}" for path in sorted(_DIRECTORIES, reverse=True))


def is_placeholder(node: Node) -> bool:
    """Tell whether a node is one of them, and nothing was put there."""
    mode, path = node.status.st_mode, node.path
    if path in _FILES:
        return stat.S_ISREG(mode) and node.status.st_size == 0
    return path in _DIRECTORIES and stat.S_ISDIR(mode) and _is_empty(node)


def _is_empty(node: Node) -> bool:
    """Tell whether a directory holds nothing but further placeholders."""
    descriptor = node.open()
    try:
        names = os.listdir(descriptor)
    finally:
        os.close(descriptor)
    return all(node.path + b"/" + os.fsencode(name) in _ALL for name in names)


def without_placeholders(changes: Iterable[Change]) -> list[Change]:
    """Leave them out, and directories that changed only because of them."""
    all_changes = list(changes)
    kept = [
        change
        for change in all_changes
        if change.kind is not ChangeKind.ADDED or change.path not in _FILE_PATHS
    ]
    hidden = {change.path.rpartition("/")[0] for change in all_changes if change not in kept}
    for directory in (*_DIRECTORY_PATHS, "/etc"):
        if any(change.path.startswith(f"{directory}/") for change in kept):
            continue
        kept = [change for change in kept if not _is_left_over(change, directory, hidden)]
    return kept


def _is_left_over(change: Change, directory: str, hidden: set[str]) -> bool:
    if change.path != directory:
        return False
    made_by_us = change.kind is ChangeKind.ADDED and directory in _DIRECTORY_PATHS
    return made_by_us or directory in hidden
