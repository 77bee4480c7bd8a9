"""Reading a blob while it is being written, so that a layer is unpacked as it arrives.

The file that grows is what the reader reads: it needs no queue, holds the writer back in nothing,
and a download that was resumed looks like any other. The end is reached only when the whole blob
has proved to have its digest, so what is made of it is never made of wrong bytes.
"""

import os
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager

PIECE = 1 << 20
"""Bytes that are read at once, at most."""
_LEAST_PIECE = 1 << 18
"""It is not worth waking the reader for less."""


class BrokenGrowthError(Exception):
    """The bytes read so far are not the beginning of the blob, or it was given up."""


class Growth:
    """What the thread that writes a blob tells those that read it. Safe from all threads."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._descriptor = -1
        self._size = 0
        self._begun = False
        self._broken = False
        self._verified = False
        self.on_begin: Callable[[], object] = lambda: None
        """Called once, in the writer's thread, when there is something to follow."""

    @property
    def is_begun(self) -> bool:
        """Whether a writer is at it or was."""
        return self._begun

    def opened(self, descriptor: int, size: int) -> None:
        """A writer goes on with the file at ``size``; another file than before breaks readers."""
        with self._condition:
            if self._descriptor >= 0 and not os.path.sameopenfile(self._descriptor, descriptor):
                self._broken = True
            if self._descriptor < 0:
                # not dup: that would share the file's lock, and keep it when the writer is gone
                flags = os.O_RDONLY | os.O_CLOEXEC
                self._descriptor = os.open(f"/proc/self/fd/{descriptor}", flags)
            self._size = size
            first = not self._begun
            self._begun = True
            self._condition.notify_all()
        if first:
            self.on_begin()

    def grew(self, size: int) -> None:
        """The file has ``size`` bytes now."""
        with self._condition:
            self._size = size
            self._condition.notify_all()

    def restarted(self) -> None:
        """The file was emptied: what readers have is worth nothing."""
        with self._condition:
            self._broken = True
            self._condition.notify_all()

    def verified(self) -> None:
        """The blob is whole and has its digest."""
        with self._condition:
            self._verified = True
            self._condition.notify_all()

    def fail(self) -> None:
        """The blob will not be: what readers have is worth nothing."""
        self.restarted()

    def close(self) -> None:
        """No more will come. Readers of a verified blob read on."""
        with self._condition:
            self._broken = self._broken or not self._verified
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -2
            self._condition.notify_all()

    def follow(
        self,
        check: Callable[[], None],
        interrupting: Callable[[Callable[[], None]], AbstractContextManager[None]],
    ) -> Generator[bytes, None, None]:
        """Yield the blob from its beginning; wait for what is not there yet. [blocking]

        ``check`` raises when the reader is to stop, ``interrupting`` registers what wakes it up.
        Raises BrokenGrowthError, also at the end of a blob that has not its digest.
        """
        descriptor = self._open()
        position = 0
        try:
            with interrupting(self._wake):
                while end := self._wait(position, check):
                    while position < end:
                        piece = os.pread(descriptor, min(PIECE, end - position), position)
                        if not piece:
                            raise BrokenGrowthError("the file became shorter")
                        position += len(piece)
                        yield piece
                        check()
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        with self._condition:
            if self._descriptor < 0:
                raise BrokenGrowthError("there is nothing to follow")
            return os.dup(self._descriptor)

    def _wait(self, position: int, check: Callable[[], None]) -> int:
        """Return up to where can be read; 0 at the end."""
        with self._condition:
            while True:
                check()
                if self._broken:
                    raise BrokenGrowthError("the transfer did not give the blob")
                if self._verified:
                    return self._size if self._size > position else 0
                if self._size - position >= _LEAST_PIECE:
                    return self._size
                self._condition.wait()

    def _wake(self) -> None:
        with self._condition:
            self._condition.notify_all()
