"""Whole trees of files: copied faithfully, measured, removed."""

import errno
import fcntl
import os
import stat
from pathlib import Path

from boxship.engine.storage.layers.attributes import change_mode
from boxship.linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2
from boxship.linux.removal import remove_directory

_FICLONE = 0x40049409
"""ioctl of linux/fs.h that makes a file share another's blocks."""
_COPY_SIZE = 16 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_STAY_INSIDE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
_NOT_CLONABLE = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS)
_OVERLAY_XATTRS = "trusted.overlay."


def remove_tree(path: Path) -> None:
    """Remove a file or directory with all it holds; harmless without it. [blocking]"""
    if path.is_dir() and not path.is_symlink():
        remove_directory(None, os.fspath(path))
    else:
        path.unlink(missing_ok=True)


def tree_size(path: Path) -> int:
    """Return the bytes of all files below ``path``, hard links counted once. [blocking]"""
    total = 0
    seen: set[tuple[int, int]] = set()
    pending = [os.fspath(path)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    pending.append(entry.path)
                elif status.st_nlink == 1 or (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    total += status.st_size
    return total


def copy_tree(source: int, target: int) -> None:
    """Copy what the directory ``source`` holds, and its own attributes, to ``target``. [blocking]

    Both are descriptors of directories. Owners, modes, times, extended attributes, hard links,
    holes and special files are kept; blocks are shared where the file system can. Nothing is
    followed out of either directory. Raises OSError.
    """
    links: dict[tuple[int, int], str] = {}
    directories = ["."]
    for relative in directories:  # grows while it is walked: parents come before children
        source_fd = openat2(source, relative, _DIRECTORY, resolve=_STAY_INSIDE)
        target_fd = openat2(target, relative, _DIRECTORY, resolve=_STAY_INSIDE)
        try:
            for name in os.listdir(source_fd):
                path = name if relative == "." else f"{relative}/{name}"
                if _copy_entry(source_fd, target_fd, name, target, path, links):
                    directories.append(path)
        finally:
            os.close(source_fd)
            os.close(target_fd)
    for relative in reversed(directories):  # times last, since filling a directory touches them
        _copy_directory_attributes(source, target, relative)


def copy_attributes(source: int, target: int) -> None:
    """Give the open file ``target`` owner, mode, extended attributes and times of ``source``."""
    status = os.fstat(source)
    os.fchown(target, status.st_uid, status.st_gid)
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(source):
        if not name.startswith(_OVERLAY_XATTRS):
            _set_xattr(target, name, os.getxattr(source, name))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _copy_entry(
    source_fd: int,
    target_fd: int,
    name: str,
    target: int,
    path: str,
    links: dict[tuple[int, int], str],
) -> bool:
    """Copy one name; return whether it is a directory, whose content is yet to be copied."""
    status = os.stat(name, dir_fd=source_fd, follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        os.mkdir(name, 0o700, dir_fd=target_fd)
        return True
    if status.st_nlink > 1:
        first = links.setdefault((status.st_dev, status.st_ino), path)
        if first != path:
            os.link(first, name, src_dir_fd=target, dst_dir_fd=target_fd, follow_symlinks=False)
            return False
    copy_single(source_fd, target_fd, name, status)
    return False


def copy_single(source_fd: int, target_fd: int, name: str, status: os.stat_result) -> None:
    """Copy a name that is no directory, with all its attributes, from one directory to another."""
    if stat.S_ISREG(status.st_mode):
        _copy_file(source_fd, target_fd, name)
    else:
        _copy_special(source_fd, target_fd, name, status)


def _copy_file(source_fd: int, target_fd: int, name: str) -> None:
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    source = os.open(name, os.O_RDONLY | flags, dir_fd=source_fd)
    try:
        target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, dir_fd=target_fd)
        try:
            copy_data(source, target)
            copy_attributes(source, target)
        finally:
            os.close(target)
    finally:
        os.close(source)


def copy_data(source: int, target: int) -> None:
    """Copy a file's content to an empty file: by sharing blocks, else in the kernel."""
    if share_blocks(source, target):
        return
    status = os.fstat(source)
    if status.st_blocks * 512 >= status.st_size:
        _copy_range(source, target, 0, status.st_size)
    else:
        _copy_sparse(source, target, status.st_size)


def share_blocks(source: int, target: int) -> bool:
    """Let an empty file share the blocks of another; False where the file system cannot."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno not in _NOT_CLONABLE:
            raise
        return False
    return True


def _copy_sparse(source: int, target: int, size: int) -> None:
    os.ftruncate(target, size)
    position = 0
    while position < size:
        try:
            start = os.lseek(source, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        position = os.lseek(source, start, os.SEEK_HOLE)
        _copy_range(source, target, start, position)


def _copy_range(source: int, target: int, start: int, end: int) -> None:
    os.lseek(target, start, os.SEEK_SET)
    while start < end:
        copied = os.sendfile(target, source, start, min(end - start, _COPY_SIZE))
        if copied == 0:
            return
        start += copied


def _copy_special(source_fd: int, target_fd: int, name: str, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(name, dir_fd=source_fd), name, dir_fd=target_fd)
    elif stat.S_ISSOCK(status.st_mode):
        return  # its server is not in the copy
    else:
        os.mknod(name, status.st_mode, status.st_rdev, dir_fd=target_fd)
    os.chown(name, status.st_uid, status.st_gid, dir_fd=target_fd, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        change_mode(target_fd, name, stat.S_IMODE(status.st_mode))
    times = (status.st_atime_ns, status.st_mtime_ns)
    os.utime(name, ns=times, dir_fd=target_fd, follow_symlinks=False)


def _copy_directory_attributes(source: int, target: int, relative: str) -> None:
    source_fd = openat2(source, relative, _DIRECTORY, resolve=_STAY_INSIDE)
    target_fd = openat2(target, relative, _DIRECTORY, resolve=_STAY_INSIDE)
    try:
        copy_attributes(source_fd, target_fd)
    finally:
        os.close(source_fd)
        os.close(target_fd)


def _set_xattr(target: int, name: str, value: bytes) -> None:
    try:
        os.setxattr(target, name, value)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:  # the other file system has none of that kind
            raise
