"""Subvolumes and snapshots of btrfs, by its ioctls (linux/btrfs.h)."""

import errno
import fcntl
import os
import struct
from pathlib import Path

_SNAP_DESTROY = 0x5000940F
_SNAP_CREATE_V2 = 0x50009417
_SUBVOL_CREATE_V2 = 0x50009418
_ARGS = struct.Struct("q4088s")
"""struct btrfs_ioctl_vol_args: a descriptor and a name."""
_ARGS_V2 = struct.Struct("qQQ32x4040s")
"""struct btrfs_ioctl_vol_args_v2: descriptor, transaction, flags, unused, name."""
_SUBVOLUME_INODE = 256
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def create_subvolume(path: Path) -> None:
    """Make an empty subvolume. Raises OSError, ENOTTY where the file system is not btrfs."""
    _call(_SUBVOL_CREATE_V2, path, _ARGS_V2.pack(0, 0, 0, os.fsencode(path.name)))


def snapshot(source: Path, path: Path) -> None:
    """Make a writable snapshot of a subvolume. Raises OSError."""
    source_fd = os.open(source, _DIRECTORY)
    try:
        _call(_SNAP_CREATE_V2, path, _ARGS_V2.pack(source_fd, 0, 0, os.fsencode(path.name)))
    finally:
        os.close(source_fd)


def destroy_subvolume(path: Path) -> None:
    """Remove a subvolume with its files; the disk is freed later. Raises OSError.

    ENOTEMPTY: there are other subvolumes in it.
    """
    _call(_SNAP_DESTROY, path, _ARGS.pack(0, os.fsencode(path.name)))


def is_subvolume(path: Path) -> bool:
    """Tell whether a directory of a btrfs is the top of a subvolume."""
    try:
        return os.lstat(path).st_ino == _SUBVOLUME_INODE
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return False
        raise


def _call(number: int, path: Path, arguments: bytes) -> None:
    parent = os.open(path.parent, _DIRECTORY)
    try:
        fcntl.ioctl(parent, number, bytearray(arguments))  # bytes may not be longer than 1 KiB
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(parent)
