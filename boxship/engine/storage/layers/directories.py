"""The directories of the tree that is being written: opened safely once, attributes given last."""

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from boxship.engine.storage.errors import CorruptLayerError
from boxship.engine.storage.layers.attributes import set_attributes
from boxship.engine.storage.layers.whiteouts import is_whiteout, remove_entry, set_opaque
from boxship.linux.openat2 import RESOLVE_IN_ROOT, open_in_root, openat2

_CACHE_SIZE = 256
_FLAGS = os.O_RDONLY | os.O_DIRECTORY
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


@dataclass(frozen=True, slots=True)
class DirectoryAttributes:
    """What a directory gets once everything in it is written."""

    mode: int
    uid: int
    gid: int
    mtime_ns: int | None = None
    xattrs: dict[str, bytes] | None = None


_DEFAULT = DirectoryAttributes(0o755, 0, 0)


class Directories:
    """Descriptors of directories by clean relative path; links resolve inside the root only.

    Nobody else changes the tree, so a descriptor stays right until we ourselves remove or replace
    something other than a file: then ``forget`` is called.
    """

    def __init__(self, tree: Path, lowers: Sequence[Path]) -> None:
        self.root = os.open(tree, _FLAGS | os.O_CLOEXEC)
        self._open: dict[bytes, int] = {}
        self._lowers = lowers
        self._attributes: dict[bytes, DirectoryAttributes] = {}

    def close(self) -> None:
        """Close all descriptors."""
        self.forget_descriptors()
        os.close(self.root)

    def descriptor(self, path: bytes) -> int:
        """Return the directory ``path``, made with its parents if it is missing."""
        descriptor = self._open.get(path)
        if descriptor is None:
            descriptor = self._open_directory(path)
            if len(self._open) >= _CACHE_SIZE:
                os.close(self._open.pop(next(iter(self._open))))
            self._open[path] = descriptor
        return descriptor

    def make(self, dir_fd: int, name: bytes, path: bytes) -> bool:
        """Make a directory unless it is there; return whether it is new.

        Where this layer removed the name first, the directory hides what is below it.
        """
        try:
            os.mkdir(name, 0o700, dir_fd=dir_fd)
            return True
        except FileExistsError:
            status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            return False
        remove_entry(dir_fd, name, status)
        os.mkdir(name, 0o700, dir_fd=dir_fd)
        if is_whiteout(status):
            set_opaque(dir_fd, name)
        self.forget(path)  # closes dir_fd, if it is one of ours
        return True

    def set_attributes_later(self, path: bytes, attributes: DirectoryAttributes) -> None:
        """Give a directory its attributes in ``finish``."""
        self._attributes[path] = attributes

    def forget(self, path: bytes) -> None:
        """Drop what is known of ``path`` and below: it was removed."""
        self.forget_descriptors()
        below = path + b"/"
        for known in [p for p in self._attributes if p == path or p.startswith(below)]:
            del self._attributes[known]

    def forget_descriptors(self) -> None:
        """Open directories anew: something on the way to one may have been removed."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def finish(self) -> None:
        """Give all directories their attributes: filling one changes its time, and a default ACL
        or set-group-id bit would be inherited by what is written into it."""
        for path, attributes in self._attributes.items():
            try:
                flags = _FLAGS | os.O_NOFOLLOW
                descriptor = openat2(self.root, path, flags, resolve=RESOLVE_IN_ROOT)
            except OSError as error:
                if error.errno in _GONE:  # reached by a link that led elsewhere meanwhile
                    continue
                raise
            try:
                _apply(descriptor, attributes)
            finally:
                os.close(descriptor)

    def _open_directory(self, path: bytes) -> int:
        if not path:
            return os.dup(self.root)
        try:
            return openat2(self.root, path, _FLAGS, resolve=RESOLVE_IN_ROOT)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise
        return self._make_parents(path)

    def _make_parents(self, path: bytes) -> int:
        """Make each missing directory of ``path``, as it is in the layers below."""
        dir_fd = os.dup(self.root)
        prefix = b""
        try:
            for name in path.split(b"/"):
                prefix = prefix + b"/" + name if prefix else name
                following = self._enter(dir_fd, name, prefix)
                os.close(dir_fd)
                dir_fd = following
        except BaseException:
            os.close(dir_fd)
            raise
        return dir_fd

    def _enter(self, dir_fd: int, name: bytes, path: bytes) -> int:
        """Open ``path``, which is ``name`` in an open directory; make it where it is missing."""
        try:
            return openat2(self.root, path, _FLAGS, resolve=RESOLVE_IN_ROOT)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise
        status = _status(dir_fd, name)
        if status is not None and not is_whiteout(status):
            raise CorruptLayerError(
                f"invalid layer: {os.fsdecode(path)} is no directory, but files are to go into it"
            )
        if self.make(dir_fd, name, path):
            self.set_attributes_later(path, self._attributes_below(path))
        return openat2(dir_fd, name, _FLAGS | os.O_NOFOLLOW)

    def _attributes_below(self, path: bytes) -> DirectoryAttributes:
        for lower in self._lowers:
            try:
                descriptor = open_in_root(bytes(lower), path, os.O_PATH | os.O_NOFOLLOW)
            except OSError:
                continue
            try:
                return _attributes_of(descriptor)
            finally:
                os.close(descriptor)
        return _DEFAULT


def _status(dir_fd: int, name: bytes) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _attributes_of(descriptor: int) -> DirectoryAttributes:
    status = os.fstat(descriptor)
    if not stat.S_ISDIR(status.st_mode):
        return _DEFAULT
    return DirectoryAttributes(
        stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns
    )


def _apply(descriptor: int, attributes: DirectoryAttributes) -> None:
    os.fchown(descriptor, attributes.uid, attributes.gid)
    os.fchmod(descriptor, attributes.mode)
    if attributes.xattrs:
        set_attributes(descriptor, attributes.xattrs)
    if attributes.mtime_ns is not None:
        os.utime(descriptor, ns=(attributes.mtime_ns, attributes.mtime_ns))
