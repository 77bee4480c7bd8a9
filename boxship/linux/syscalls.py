"""Calls into the C library: ctypes in one place, errno turned into OSError.

The functions that Python itself lacks are declared once, at import, by the modules of this
package; nothing else in the house uses ctypes for system calls.
"""

import ctypes
import os
from typing import Any, Protocol

_libc = ctypes.CDLL(None, use_errno=True)


class SystemCall(Protocol):
    """A callable that returns the call's result and raises OSError where it is negative."""

    def __call__(self, *args: Any, path: str | bytes | None = None) -> int: ...


def function(name: str, *argument_types: Any) -> SystemCall:
    """Declare a libc function that returns int and sets errno.

    ``path`` given to the returned callable becomes the OSError's file name.
    """
    entry = getattr(_libc, name)
    entry.argtypes = argument_types
    entry.restype = ctypes.c_int
    return _checked(entry)


def system_call(number: int, *argument_types: Any) -> SystemCall:
    """Declare a system call that libc does not wrap, by its number.

    Numbers from 424 on are the same on every architecture (Linux 5.1 and later).
    """
    prototype = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, *argument_types, use_errno=True)
    entry = prototype(("syscall", _libc))

    def numbered(*args: Any) -> int:
        result: int = entry(number, *args)
        return result

    return _checked(numbered)


def _checked(entry: Any) -> SystemCall:
    def call(*args: Any, path: str | bytes | None = None) -> int:
        result: int = entry(*args)
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
        return result

    return call
