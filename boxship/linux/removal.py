"""Removing directories with all they hold, however deep they are."""

import os
import secrets

_MAX_DEPTH = 200
"""Levels that are descended into at once: each costs a descriptor and a Python frame."""
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_directory(dir_fd: int | None, name: str | bytes) -> None:
    """Remove the directory ``name`` with all it holds; links are not followed. [blocking]

    ``dir_fd``: what the name is relative to. What lies too deep is moved up and removed after.
    """
    root = os.open(name, _FLAGS, dir_fd=dir_fd)
    try:
        while _empty(root, root, _MAX_DEPTH):
            pass
    finally:
        os.close(root)
    os.rmdir(name, dir_fd=dir_fd)


def _empty(root: int, directory: int, levels: int) -> bool:
    """Remove what a directory holds; return whether something was moved up to ``root``."""
    moved = False
    with os.scandir(directory) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in found:
        if not is_directory:
            os.unlink(name, dir_fd=directory)
        elif levels == 0:
            os.rename(name, secrets.token_hex(16), src_dir_fd=directory, dst_dir_fd=root)
            moved = True
        else:
            moved = _remove_below(root, directory, name, levels - 1) or moved
    return moved


def _remove_below(root: int, directory: int, name: str, levels: int) -> bool:
    child = os.open(name, _FLAGS, dir_fd=directory)
    try:
        moved = _empty(root, child, levels)
    finally:
        os.close(child)
    os.rmdir(name, dir_fd=directory)
    return moved
