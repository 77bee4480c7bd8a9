"""Binds without what is mounted below their source.

crun before 1.9 takes a ``bind`` for an ``rbind``. So the engine binds such a source, alone, to a
place of its own, and the runtime binds that: there is nothing below it. These places are only
ever unmounted and removed when empty, never with what they show.
"""

import os
from pathlib import Path

from boxship.engine.containers.container import Container, MountPoint
from boxship.engine.containers.context import Context
from boxship.linux import mount

_DIRECTORY = "binds"


def is_shallow(point: MountPoint) -> bool:
    """Tell whether what is mounted below the source is to be left out."""
    return point.type == "bind" and "bind" in point.options


def place(context: Context, container: Container, point: MountPoint, source: Path) -> Path:
    """Bind a source alone and return where; the same place for the same mount. [blocking]"""
    number = container.mounts.index(point)
    target = _directory(context, container.id) / str(number)
    if mount.is_mount_point(target):
        return target
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    mount.bind(os.path.realpath(source), target)
    return target


def unplace(context: Context, container_id: str) -> None:
    """Undo all of a container's. Idempotent. [blocking]"""
    directory = _directory(context, container_id)
    if not directory.is_dir():
        return
    for path in list(directory.iterdir()):
        if mount.is_mount_point(path):
            mount.unmount(path, mount.MNT_DETACH)
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    directory.rmdir()


def owners(context: Context) -> list[str]:
    """Return the ids of the containers that have such binds."""
    top = context.config.exec_root / _DIRECTORY
    return [path.name for path in top.iterdir()] if top.is_dir() else []


def _directory(context: Context, container_id: str) -> Path:
    return context.config.exec_root / _DIRECTORY / container_id
