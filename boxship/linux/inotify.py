"""Changes of files as events (inotify(7))."""

import ctypes
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from boxship.linux import pidfd
from boxship.linux.syscalls import function

IN_MODIFY = 0x00000002
IN_MOVED_TO = 0x00000080
IN_CREATE = 0x00000100
IN_DELETE = 0x00000200
IN_DELETE_SELF = 0x00000400
IN_IGNORED = 0x00008000
IN_ONESHOT = 0x80000000

_HEAD = struct.Struct("iIII")
_READ_SIZE = 65536

_init = function("inotify_init1", ctypes.c_int)
_add = function("inotify_add_watch", ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
_remove = function("inotify_rm_watch", ctypes.c_int, ctypes.c_int)


@dataclass(frozen=True, slots=True)
class Event:
    """One change: which watch saw it, what it was, and the name inside a watched directory."""

    watch: int
    mask: int
    name: bytes


class Inotify:
    """A queue of changes. Used from one event loop."""

    def __init__(self) -> None:
        self._descriptor = _init(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """Return the descriptor, readable when there are events."""
        return self._descriptor

    def add(self, path: Path, mask: int) -> int:
        """Watch a file or directory; returns the watch's number. Raises OSError."""
        return _add(self._descriptor, os.fsencode(path), mask, path=str(path))

    def remove(self, watch: int) -> None:
        """End a watch; one that has ended already is left alone."""
        try:
            _remove(self._descriptor, watch)
        except OSError:
            pass

    def read_nowait(self) -> list[Event]:
        """Return the events that are there, possibly none."""
        try:
            return list(parse(os.read(self._descriptor, _READ_SIZE)))
        except BlockingIOError:
            return []

    async def wait(self) -> list[Event]:
        """Return events, when there are any."""
        while not (events := self.read_nowait()):
            await pidfd.wait_readable(self._descriptor)
        return events

    def close(self) -> None:
        """End all watches."""
        os.close(self._descriptor)


def parse(data: bytes) -> Iterator[Event]:
    """Decode what the kernel wrote."""
    position = 0
    while position < len(data):
        watch, mask, _, length = _HEAD.unpack_from(data, position)
        position += _HEAD.size
        yield Event(watch, mask, data[position : position + length].rstrip(b"\0"))
        position += length
