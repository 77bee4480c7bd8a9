"""What a removal mark in a layer's archive does to the tree it is unpacked into."""

import os
import stat
from typing import Protocol

from boxship.linux.removal import remove_directory

OPAQUE_XATTR = "trusted.overlay.opaque"
_OPAQUE = b"y"
_WHITEOUT_DEVICE = 0


class Whiteouts(Protocol):
    """How removals are kept: as marks for a mount later, or carried out."""

    in_place: bool
    """Whether the tree holds the layers below too."""

    def created(self, path: bytes) -> None:
        """Note that this layer brought ``path`` (clean, relative)."""

    def remove(self, dir_fd: int, name: bytes, path: bytes) -> None:
        """Remove ``name`` of the layers below; what this layer itself brought stays."""

    def make_opaque(self, dir_fd: int, path: bytes) -> None:
        """Remove all that the layers below have in a directory."""


class OverlayWhiteouts:
    """overlayfs marks: a character device 0/0, and an extended attribute on directories."""

    in_place = False

    def created(self, path: bytes) -> None:
        """Nothing to note: the tree holds this layer alone."""

    def remove(self, dir_fd: int, name: bytes, path: bytes) -> None:  # noqa: ARG002 (protocol)
        """Put a whiteout, or make this layer's own directory of that name opaque."""
        try:
            os.mknod(name, stat.S_IFCHR, _WHITEOUT_DEVICE, dir_fd=dir_fd)
        except FileExistsError:
            if stat.S_ISDIR(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
                set_opaque(dir_fd, name)

    def make_opaque(self, dir_fd: int, path: bytes) -> None:  # noqa: ARG002 (protocol)
        """Mark the directory."""
        set_opaque(dir_fd, b".")


class InPlaceWhiteouts:
    """Removals carried out in a copy of the layers below."""

    in_place = True

    def __init__(self) -> None:
        self._own: set[bytes] = set()

    def created(self, path: bytes) -> None:
        """Remember the path and its parents: a removal must spare them."""
        while path and path not in self._own:
            self._own.add(path)
            path = path.rpartition(b"/")[0]

    def remove(self, dir_fd: int, name: bytes, path: bytes) -> None:
        """Delete ``name``, or what the layers below have in it."""
        try:
            status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        except FileNotFoundError:
            return
        if path not in self._own:
            remove_entry(dir_fd, name, status)
        elif stat.S_ISDIR(status.st_mode):
            descriptor = _open_directory(dir_fd, name)
            try:
                self.make_opaque(descriptor, path)
            finally:
                os.close(descriptor)

    def make_opaque(self, dir_fd: int, path: bytes) -> None:
        """Delete all in the directory that this layer did not bring."""
        for text in os.listdir(dir_fd):
            name = os.fsencode(text)
            self.remove(dir_fd, name, path + b"/" + name if path else name)


def set_opaque(dir_fd: int, name: bytes) -> None:
    """Mark a directory as hiding what the layers below have in it."""
    descriptor = _open_directory(dir_fd, name)
    try:
        os.setxattr(descriptor, OPAQUE_XATTR, _OPAQUE)
    finally:
        os.close(descriptor)


def is_whiteout(status: os.stat_result) -> bool:
    """Tell whether this is overlayfs's mark of a removed name."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == _WHITEOUT_DEVICE


def is_opaque(descriptor: int) -> bool:
    """Tell whether an open directory hides what the layers below have in it."""
    try:
        return os.getxattr(descriptor, OPAQUE_XATTR) == _OPAQUE
    except OSError:
        return False


def remove_entry(dir_fd: int, name: bytes, status: os.stat_result) -> None:
    """Remove a name, directories with all they hold; links are not followed."""
    if stat.S_ISDIR(status.st_mode):
        remove_directory(dir_fd, name)
    else:
        os.unlink(name, dir_fd=dir_fd)


def _open_directory(dir_fd: int, name: bytes) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=dir_fd)
