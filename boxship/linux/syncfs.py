"""syncfs(2) and sync_file_range(2): flushing one file system, or a part of one file."""

import ctypes
import os
from pathlib import Path

from boxship.linux.syscalls import function

_syncfs = function("syncfs", ctypes.c_int)
_sync_file_range = function(
    "sync_file_range", ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint
)
_SYNC_FILE_RANGE_WRITE = 2


def sync_filesystem(path: Path) -> None:
    """Return when everything written to the file system that holds ``path`` is on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _syncfs(descriptor, path=str(path))
    finally:
        os.close(descriptor)


def start_writing(descriptor: int, offset: int, size: int) -> None:
    """Let the disk begin with a part of a file, without waiting for it or promising anything."""
    try:
        _sync_file_range(descriptor, offset, size, _SYNC_FILE_RANGE_WRITE)
    except OSError:
        return  # where a file system cannot, there is nothing to gain either
