"""What makes one tree of files differ from another, as ``docker diff`` shows it."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from boxship.engine.storage.layers.walk import Node, walk

_BLOCK = 1 << 20
_State = tuple[int, int, int, int, int, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs."""

    path: str
    """Absolute, as in the volume."""
    kind: str
    """``added``, ``changed`` or ``removed``."""


@dataclass(frozen=True, slots=True)
class _Seen:
    state: _State
    """Mode, owner, group, size (of files), device and link target."""
    mtime_ns: int


def compare(before: Path, after: Path) -> list[Change]:
    """Return what turns ``before`` into ``after``, sorted by path. [blocking]

    Kind, mode, owner, size, link and content count; times only save reading files whose time is
    the same.
    """
    old, new = _listing(before), _listing(after)
    changes = [Change(_shown(path), "removed") for path in old.keys() - new.keys()]
    changes += [Change(_shown(path), "added") for path in new.keys() - old.keys()]
    changes += [
        Change(_shown(path), "changed")
        for path in old.keys() & new.keys()
        if _differs(before, after, path, old[path], new[path])
    ]
    return sorted(changes, key=lambda change: change.path)


def _shown(path: bytes) -> str:
    return "/" + os.fsdecode(path)


def _listing(tree: Path) -> dict[bytes, _Seen]:
    return {node.path: _seen(node) for node in walk(tree)}


def _seen(node: Node) -> _Seen:
    status = node.status
    is_file, is_link = stat.S_ISREG(status.st_mode), stat.S_ISLNK(status.st_mode)
    target = os.readlink(node.name, dir_fd=node.dir_fd) if is_link else b""
    state = (
        status.st_mode,
        status.st_uid,
        status.st_gid,
        status.st_size if is_file else 0,
        status.st_rdev,
        os.fsdecode(target),
    )
    return _Seen(state, status.st_mtime_ns)


def _differs(before: Path, after: Path, path: bytes, old: _Seen, new: _Seen) -> bool:
    if old.state != new.state:
        return True
    if not stat.S_ISREG(old.state[0]) or old.mtime_ns == new.mtime_ns:
        return False
    return not _same_content(bytes(before) + b"/" + path, bytes(after) + b"/" + path)


def _same_content(one: bytes, other: bytes) -> bool:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with (
        open(one, "rb", opener=lambda path, _: os.open(path, flags)) as left,
        open(other, "rb", opener=lambda path, _: os.open(path, flags)) as right,
    ):
        while block := left.read(_BLOCK):
            if block != right.read(_BLOCK):
                return False
        return not right.read(1)
