"""Packing a tree into a deterministic archive: sorted, with nothing that the tree does not hold."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from boxship.engine.storage.errors import CorruptContentError
from boxship.engine.storage.layers import entry as types
from boxship.engine.storage.layers.entry import Entry
from boxship.engine.storage.layers.names import OPAQUE_MARK, WHITEOUT_PREFIX
from boxship.engine.storage.layers.walk import Node, keep_all, walk
from boxship.engine.storage.layers.whiteouts import is_opaque, is_whiteout
from boxship.engine.storage.layers.writer import END, encode_header, padding

Xattrs = dict[str, bytes] | None

CHUNK = 1 << 20
_LARGE_PIECE = 1 << 18
"""Bytes of a piece that is passed on as it is, rather than copied."""
_SKIPPED_XATTRS = ("trusted.overlay.", "user.overlay.", "user.fuseoverlayfs.")
_TYPES = {
    stat.S_IFREG: types.FILE,
    stat.S_IFDIR: types.DIRECTORY,
    stat.S_IFLNK: types.SYMLINK,
    stat.S_IFCHR: types.CHAR_DEVICE,
    stat.S_IFBLK: types.BLOCK_DEVICE,
    stat.S_IFIFO: types.FIFO,
}


def pack_tree(tree: Path, *, skip: Callable[[Node], bool] = keep_all) -> Iterator[bytes]:
    """Yield the archive of all below ``tree`` as it is seen through a mount. [blocking]

    ``skip``: leaves a node out, and all below it. Sockets are left out.
    """
    packer = Packer()
    return gather(piece for node in walk(tree, skip) for piece in packer.pack(node))


def pack_upper(upper: Path, *, skip: Callable[[Node], bool] = keep_all) -> Iterator[bytes]:
    """Yield the archive of an overlay's upper directory, its marks as OCI whiteouts. [blocking]

    ``skip``: as in ``pack_tree``.
    """
    packer = UpperPacker()
    return gather(piece for node in walk(upper, skip) for piece in packer.pack(node))


def gather(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join small pieces of an archive into chunks, and end it."""
    gathered = bytearray()
    for piece in pieces:
        if len(piece) >= _LARGE_PIECE:
            if gathered:
                yield bytes(gathered)
                gathered.clear()
            yield piece
            continue
        gathered += piece
        if len(gathered) >= CHUNK:
            yield bytes(gathered)
            gathered.clear()
    gathered += END
    yield bytes(gathered)


def removal_mark(directory: bytes, name: bytes) -> Entry:
    """Return the entry of a whiteout or opaque mark in a directory; b"" is the root.

    It has no time: a tree keeps none for its marks, and packing must give the same bytes again.
    """
    path = directory + b"/" + name if directory else name
    return Entry(name=path, type=types.FILE, mode=0, uid=0, gid=0, size=0, mtime_ns=0)


class Mirror(Protocol):
    """Is told of everything that is packed, to make a copy of it on the way."""

    def file(self, node: Node, data: bytes, xattrs: Xattrs) -> None:
        """Take a small file whole."""

    def begin(self, node: Node, xattrs: Xattrs) -> Callable[[bytes], None]:
        """Take a large file; return what is called with its pieces, and at its end with b""."""

    def link(self, node: Node, first: bytes) -> None:
        """Take one more name of what was packed as ``first``."""

    def other(self, node: Node, xattrs: Xattrs) -> None:
        """Take a directory or a special file."""

    def removal(self, node: Node) -> None:
        """Take an overlay's mark of a removed name."""

    def opaque(self, node: Node) -> None:
        """Mark a directory that was taken as opaque."""


class Packer:
    """Turns nodes into entries; remembers inodes to write hard links."""

    def __init__(self, mirror: Mirror | None = None) -> None:
        self._links: dict[tuple[int, int], bytes] = {}
        self._mirror = mirror
        self.size = 0
        """Bytes in the files and symbolic links so far."""
        self.entries = 0

    def pack(self, node: Node) -> Iterable[bytes]:
        """Return header and data of a node; nothing for a socket."""
        status = node.status
        kind = _TYPES.get(stat.S_IFMT(status.st_mode))
        if kind is None:
            return ()
        self.entries += 1
        if status.st_nlink > 1 and kind != types.DIRECTORY:
            path = node.path
            first = self._links.setdefault((status.st_dev, status.st_ino), path)
            if first != path:
                return (self._link(node, kind, first),)
        if kind == types.FILE:
            return self._file(node)
        entry = _entry(node, kind)
        self.size += len(entry.link)
        if self._mirror is not None:
            self._mirror.other(node, entry.xattrs)
        return (encode_header(entry),)

    def _link(self, node: Node, kind: bytes, first: bytes) -> bytes:
        if self._mirror is not None:
            self._mirror.link(node, first)
        entry = _entry(node, kind)
        entry.type, entry.link, entry.size, entry.xattrs = types.HARD_LINK, first, 0, None
        return encode_header(entry)

    def _file(self, node: Node) -> Iterable[bytes]:
        """Read a file that fits into memory at once, which most do, and hand on larger ones."""
        size = node.status.st_size
        self.size += size
        descriptor = node.open()
        try:
            entry = _entry(node, types.FILE, _xattrs(descriptor))
            if size > CHUNK:
                return self._large(node, entry, os.dup(descriptor))
            data = _read_exactly(descriptor, node, size)
        finally:
            os.close(descriptor)
        if self._mirror is not None:
            self._mirror.file(node, data, entry.xattrs)
        return (encode_header(entry), data, padding(size))

    def _large(self, node: Node, entry: Entry, descriptor: int) -> Iterator[bytes]:
        try:
            take = self._mirror.begin(node, entry.xattrs) if self._mirror else None
            yield encode_header(entry)
            missing = entry.size
            while missing:
                piece = _read_exactly(descriptor, node, min(missing, CHUNK))
                missing -= len(piece)
                if take is not None:
                    take(piece)
                yield piece
            if take is not None:
                take(b"")
            yield padding(entry.size)
        finally:
            os.close(descriptor)


class UpperPacker(Packer):
    """Packs an overlay's upper directory, its marks as OCI whiteouts."""

    def pack(self, node: Node) -> Iterable[bytes]:
        """Return header and data of a node."""
        if is_whiteout(node.status):
            self.entries += 1
            if self._mirror is not None:
                self._mirror.removal(node)
            return (encode_header(removal_mark(node.parent, WHITEOUT_PREFIX + node.name)),)
        pieces = super().pack(node)
        if not stat.S_ISDIR(node.status.st_mode) or not node.path or not _is_opaque(node):
            return pieces
        if self._mirror is not None:
            self._mirror.opaque(node)
        return (*pieces, encode_header(removal_mark(node.path, OPAQUE_MARK)))


def _is_opaque(node: Node) -> bool:
    descriptor = node.open()
    try:
        return is_opaque(descriptor)
    finally:
        os.close(descriptor)


def _entry(node: Node, kind: bytes, xattrs: Xattrs = None) -> Entry:
    """Describe a node; a file's extended attributes are given, others' are read."""
    status = node.status
    is_directory = kind == types.DIRECTORY
    is_file = kind == types.FILE
    entry = Entry(
        name=(node.path or b".") + b"/" if is_directory else node.path,
        type=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size if is_file else 0,
        mtime_ns=status.st_mtime_ns,
        xattrs=xattrs if is_file else _xattrs_by_name(node),
    )
    if kind == types.SYMLINK:
        entry.link = os.readlink(node.name, dir_fd=node.dir_fd)
    elif kind in (types.CHAR_DEVICE, types.BLOCK_DEVICE):
        entry.major, entry.minor = os.major(status.st_rdev), os.minor(status.st_rdev)
    return entry


def _xattrs_by_name(node: Node) -> Xattrs:
    return _xattrs(b"/proc/self/fd/%d/%b" % (node.dir_fd, node.name or b"."))


def _xattrs(target: int | bytes) -> Xattrs:
    """Return the extended attributes of a descriptor or of a path, which is not followed."""
    follow = isinstance(target, int)
    try:
        names = os.listxattr(target, follow_symlinks=follow)
    except OSError:  # the file system has none
        return None
    if not names:
        return None
    return {
        name: os.getxattr(target, name, follow_symlinks=follow)
        for name in names
        if not name.startswith(_SKIPPED_XATTRS)
    } or None


def _read_exactly(descriptor: int, node: Node, size: int) -> bytes:
    """Read ``size`` bytes: a file that shrinks meanwhile cannot be packed."""
    data = os.read(descriptor, size) if size else b""
    while len(data) < size:
        more = os.read(descriptor, size - len(data))
        if not more:
            raise CorruptContentError(f"{os.fsdecode(node.path)} shrank while it was read")
        data += more
    return data
