"""Copying an overlay's upper directory and packing it in one pass: a commit reads files once."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from boxship.engine.storage.layers.attributes import change_mode, masked_bits, set_attributes
from boxship.engine.storage.layers.pack import ZEROS, UpperPacker, Xattrs, gather, has_holes
from boxship.engine.storage.layers.unpack import Unpacked
from boxship.engine.storage.layers.walk import Node, keep_all, walk
from boxship.engine.storage.layers.whiteouts import set_opaque

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ALL = 0o177777


def capture(
    upper: Path,
    target: Path,
    sink: Callable[[bytes], None],
    *,
    skip: Callable[[Node], bool] = keep_all,
) -> Unpacked:
    """Copy ``upper`` into the empty directory ``target``; its archive goes to ``sink``. [blocking]

    Packing the copy later gives the same archive, byte for byte. ``skip``: as in ``pack_upper``.
    Raises OSError, CorruptContentError for a file that shrinks meanwhile.
    """
    copy = TreeCopy(target)
    try:
        packer = UpperPacker(copy)
        nodes = walk(upper, skip)
        for chunk in gather(piece for node in nodes for piece in packer.pack(node)):
            sink(chunk)
        copy.finish()
    finally:
        copy.close()
    return Unpacked(packer.size, packer.entries)


class TreeCopy:
    """A copy that is made of what is packed (a ``pack.Mirror``); nobody else writes into it."""

    def __init__(self, target: Path) -> None:
        self._root = os.open(target, _DIRECTORY)
        self._parent = b""
        self._parent_fd = os.dup(self._root)
        self._masked = masked_bits()
        self._large: int | None = None
        self._directories: list[tuple[bytes, os.stat_result, Xattrs]] = []

    def close(self) -> None:
        """Let go of all descriptors."""
        self._close_large()
        os.close(self._parent_fd)
        os.close(self._root)

    def finish(self) -> None:
        """Give directories their attributes: filling them would have changed their times."""
        for path, status, xattrs in reversed(self._directories):
            descriptor = os.open(path or b".", _DIRECTORY, dir_fd=self._root)
            try:
                self._complete(descriptor, status, xattrs, _ALL)
            finally:
                os.close(descriptor)

    def file(self, node: Node, data: bytes, xattrs: Xattrs) -> None:
        """Write a small file."""
        descriptor = self._create(node)
        try:
            if data:
                _write_data(descriptor, data, node.status)
            self._complete(descriptor, node.status, xattrs, self._masked)
        finally:
            os.close(descriptor)

    def begin(self, node: Node, xattrs: Xattrs) -> Callable[[bytes], None]:
        """Begin a large file."""
        descriptor = self._create(node)

        def take(piece: bytes) -> None:
            if piece:
                _write_data(descriptor, piece, node.status)
                return
            self._complete(descriptor, node.status, xattrs, self._masked)
            self._close_large()

        self._large = descriptor
        return take

    def _close_large(self) -> None:
        if self._large is not None:
            os.close(self._large)
            self._large = None

    def link(self, node: Node, first: bytes) -> None:
        """Add a name."""
        os.link(
            first,
            node.name,
            src_dir_fd=self._root,
            dst_dir_fd=self._directory(node.parent),
            follow_symlinks=False,
        )

    def other(self, node: Node, xattrs: Xattrs) -> None:
        """Make a directory, a symbolic link or a special file."""
        status = node.status
        dir_fd = self._directory(node.parent)
        if stat.S_ISDIR(status.st_mode):
            if node.path:
                os.mkdir(node.name, 0o700, dir_fd=dir_fd)
            self._directories.append((node.path, status, xattrs))
            return
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(node.name, dir_fd=node.dir_fd), node.name, dir_fd=dir_fd)
        else:
            os.mknod(node.name, status.st_mode, status.st_rdev, dir_fd=dir_fd)
        os.chown(node.name, status.st_uid, status.st_gid, dir_fd=dir_fd, follow_symlinks=False)
        if xattrs:
            set_attributes(b"/proc/self/fd/%d/%b" % (dir_fd, node.name), xattrs)
        if not stat.S_ISLNK(status.st_mode):
            change_mode(dir_fd, node.name, stat.S_IMODE(status.st_mode))
        times = (status.st_mtime_ns, status.st_mtime_ns)
        os.utime(node.name, ns=times, dir_fd=dir_fd, follow_symlinks=False)

    def removal(self, node: Node) -> None:
        """Make a whiteout."""
        os.mknod(
            node.name,
            node.status.st_mode,
            node.status.st_rdev,
            dir_fd=self._directory(node.parent),
        )

    def opaque(self, node: Node) -> None:
        """Mark a directory."""
        set_opaque(self._directory(node.parent), node.name)

    def _create(self, node: Node) -> int:
        mode = stat.S_IMODE(node.status.st_mode) & 0o777
        return os.open(node.name, _CREATE, mode, dir_fd=self._directory(node.parent))

    def _complete(
        self, descriptor: int, status: os.stat_result, xattrs: Xattrs, masked: int
    ) -> None:
        """Owner first: changing it clears set-id bits and capabilities."""
        if status.st_uid or status.st_gid:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        if status.st_mode & masked:
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
        if xattrs:
            set_attributes(descriptor, xattrs)
        os.utime(descriptor, ns=(status.st_mtime_ns, status.st_mtime_ns))

    def _directory(self, path: bytes) -> int:
        """Return a directory's descriptor; nodes come one directory after another."""
        if path != self._parent:
            descriptor = os.open(path or b".", _DIRECTORY, dir_fd=self._root)
            os.close(self._parent_fd)
            self._parent, self._parent_fd = path, descriptor
        return self._parent_fd


def _write_data(descriptor: int, data: bytes, status: os.stat_result) -> None:
    """Append a piece; zeros of a file with holes stay a hole."""
    if has_holes(status) and data == ZEROS[: len(data)]:
        os.lseek(descriptor, len(data), os.SEEK_CUR)
        os.ftruncate(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR))
        return
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
