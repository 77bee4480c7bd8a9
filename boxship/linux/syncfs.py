"""syncfs(2): flushing one file system."""

import ctypes
import os
from pathlib import Path

from boxship.linux.syscalls import function

_syncfs = function("syncfs", ctypes.c_int)


def sync_filesystem(path: Path) -> None:
    """Return when everything written to the file system that holds ``path`` is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _syncfs(descriptor, path=str(path))
    finally:
        os.close(descriptor)
