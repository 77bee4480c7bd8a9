"""openat2(2): opening paths that cannot leave a directory (Linux 5.6 and later)."""

import ctypes
import errno
import os

from boxship.errors import NotSupportedError
from boxship.linux.syscalls import system_call

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
"""Leaving the directory, by ``..`` or an absolute link, fails with EXDEV."""
RESOLVE_IN_ROOT = 0x10
"""The directory acts as ``/`` for absolute names, links and ``..``, as in chroot."""

_AT_FDCWD = -100


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


_openat2 = system_call(
    437, ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(_OpenHow), ctypes.c_size_t
)


def openat2(
    dir_fd: int, path: str | bytes, flags: int, mode: int = 0, resolve: int = RESOLVE_IN_ROOT
) -> int:
    """Open ``path`` below ``dir_fd`` and return a close-on-exec descriptor.

    Magic links (``/proc/…/fd``) are never followed. Raises OSError, and NotSupportedError on a
    kernel without the call: there is no safe way to do the same by hand.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve | RESOLVE_NO_MAGICLINKS)
    name = os.fsencode(path)
    while True:
        try:
            return _openat2(dir_fd, name or b".", how, ctypes.sizeof(how), path=path)
        except OSError as error:
            if error.errno == errno.EAGAIN:  # a rename or mount raced with "..": ask again
                continue
            if error.errno == errno.ENOSYS:
                raise NotSupportedError(
                    "this kernel has no openat2 system call: Linux 5.6 or later is needed"
                ) from error
            raise


def open_in_root(root: str | bytes, path: str | bytes, flags: int, mode: int = 0) -> int:
    """Open ``path`` with the directory ``root`` as its ``/``, as in ``openat2``."""
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return openat2(root_fd, path, flags, mode, RESOLVE_IN_ROOT)
    finally:
        os.close(root_fd)
