"""fsopen(2), fsconfig(2), fsmount(2), move_mount(2): mounting with options of any number.

Linux 5.2 and later. mount(2) takes one page of options; here each option is a call of its own.
"""

import ctypes
import errno
import os
from collections.abc import Callable, Iterable

from boxship.linux.mount import Name
from boxship.linux.syscalls import system_call

_FSOPEN_CLOEXEC = 1
_FSMOUNT_CLOEXEC = 1
_SET_FLAG = 0
_SET_STRING = 1
_CREATE = 6
_MOVE_FROM_EMPTY_PATH = 0x4
_AT_FDCWD = -100
_LOG_SIZE = 4096

_fsopen = system_call(430, ctypes.c_char_p, ctypes.c_uint)
_fsconfig = system_call(
    431, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int
)
_fsmount = system_call(432, ctypes.c_int, ctypes.c_uint, ctypes.c_uint)
_move_mount = system_call(
    429, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint
)


class MountRefusedError(OSError):
    """The kernel refused an option or the mount; ``strerror`` has its own words if it gave any."""


def mount_with(fs_type: str, target: Name, options: Iterable[tuple[str, str | bytes]]) -> None:
    """Mount a file system with options in their order; an empty value is a flag.

    Raises MountRefusedError, whose errno is ENOSYS on a kernel without these calls.
    """
    path = os.fsdecode(target)
    context = _checked(-1, path, lambda: _fsopen(fs_type.encode(), _FSOPEN_CLOEXEC))
    try:
        _checked(context, path, lambda: _configure(context, fs_type, options))
        made = _checked(context, path, lambda: _fsmount(context, _FSMOUNT_CLOEXEC, 0))
    finally:
        os.close(context)
    try:
        place = os.fsencode(target)
        _checked(-1, path, lambda: _move_mount(made, b"", _AT_FDCWD, place, _MOVE_FROM_EMPTY_PATH))
    finally:
        os.close(made)


def _configure(context: int, source: str, options: Iterable[tuple[str, str | bytes]]) -> int:
    _fsconfig(context, _SET_STRING, b"source", source.encode(), 0)
    for key, value in options:
        kind = _SET_STRING if value else _SET_FLAG
        _fsconfig(context, kind, key.encode(), os.fsencode(value) or None, 0)
    return _fsconfig(context, _CREATE, None, None, 0)


def _checked(context: int, path: str, call: Callable[[], int]) -> int:
    try:
        return call()
    except OSError as error:
        words = _complaint(context) or error.strerror
        raise MountRefusedError(error.errno, words, path) from None


def _complaint(context: int) -> str:
    """Return the last error that the kernel wrote to a context (lines such as ``e overlay: …``)."""
    last = ""
    while context >= 0:
        try:
            line = os.read(context, _LOG_SIZE).decode(errors="replace")
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise
            break
        if line.startswith("e "):
            last = line[2:].strip()
    return last
