"""Priorities of threads at the disk (``ioprio_set(2)``)."""

import ctypes
import os
from contextlib import suppress
from typing import Final

from boxship.linux.syscalls import system_call

_NUMBERS: Final = {
    "x86_64": 251,
    "i686": 289,
    "aarch64": 30,
    "riscv64": 30,
    "armv7l": 314,
    "ppc64le": 273,
    "s390x": 282,
}
"""Of the system call, by machine: libc has no function for it."""
_THIS_THREAD: Final = (1, 0)
_BEST_EFFORT: Final = 2 << 13
_LAST: Final = 7


def wait_behind_others() -> None:
    """Let the calling thread be the last at the disk, where the disk's scheduler knows priorities.

    Not the idle class: what never gets its turn holds locks of the file system. And not a nice
    value: a thread of Python that the processor leaves aside may hold the interpreter's lock.
    """
    number = _NUMBERS.get(os.uname().machine)
    if number is None:
        return
    call = system_call(number, ctypes.c_int, ctypes.c_int, ctypes.c_int)
    with suppress(OSError):  # a seccomp profile around the engine may forbid it
        call(*_THIS_THREAD, _BEST_EFFORT | _LAST)
