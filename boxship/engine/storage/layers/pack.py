"""Packing a tree into a deterministic archive: sorted, with nothing that the tree does not hold."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from boxship.engine.storage.errors import CorruptContentError
from boxship.engine.storage.layers import entry as types
from boxship.engine.storage.layers.entry import Entry
from boxship.engine.storage.layers.names import OPAQUE_MARK, WHITEOUT_PREFIX
from boxship.engine.storage.layers.walk import Node, keep_all, walk
from boxship.engine.storage.layers.whiteouts import is_opaque, is_whiteout
from boxship.engine.storage.layers.writer import END, encode_header, padding

Xattrs = dict[str, bytes] | None

CHUNK = 1 << 20
ZEROS = bytes(CHUNK)
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


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A piece of an archive that is a whole file, to be sent by the kernel.

    The descriptor is good until the next piece is asked for.
    """

    descriptor: int
    size: int


P = TypeVar("P", bound=bytes | OpenFile)


def pack_for_sending(tree: Path) -> Iterator[bytes | OpenFile]:
    """Yield the archive of ``pack_tree``, large files as such. [blocking]"""
    packer = SendingPacker()
    return gather(piece for node in walk(tree) for piece in packer.pieces(node))


def gather(pieces: Iterable[P]) -> Iterator[P | bytes]:
    """Join small pieces of an archive into chunks, and end it."""
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        if not isinstance(piece, bytes) or len(piece) >= _LARGE_PIECE:
            if gathered:
                yield b"".join(gathered)
                gathered.clear()
                size = 0
            yield piece
            continue
        gathered.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(gathered)
            gathered.clear()
            size = 0
    gathered.append(END)
    yield b"".join(gathered)


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
        found = self._begin(node)
        return self._read(node, found) if isinstance(found, _LargeFile) else found

    def _begin(self, node: Node) -> "Iterable[bytes] | _LargeFile":
        """Return header and data, or a file that is too large to be read at once."""
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

    def _file(self, node: Node) -> "Iterable[bytes] | _LargeFile":
        """Read a file that fits into memory at once, which most do."""
        size = node.status.st_size
        self.size += size
        descriptor = node.open()
        try:
            entry = _entry(node, types.FILE, _xattrs(descriptor))
            if size > CHUNK:
                return _LargeFile(entry, os.dup(descriptor))
            data = _read_exactly(descriptor, node, size)
        finally:
            os.close(descriptor)
        if self._mirror is not None:
            self._mirror.file(node, data, entry.xattrs)
        return (encode_header(entry), data, padding(size))

    def _read(self, node: Node, file: "_LargeFile") -> Iterator[bytes]:
        entry = file.entry
        try:
            take = self._mirror.begin(node, entry.xattrs) if self._mirror else None
            yield encode_header(entry)
            for piece in _data(file.descriptor, node):
                if take is not None:
                    take(piece)
                yield piece
            if take is not None:
                take(b"")
            yield padding(entry.size)
        finally:
            os.close(file.descriptor)


@dataclass(frozen=True, slots=True)
class _LargeFile:
    """What is left to be done about a file: it is open."""

    entry: Entry
    descriptor: int


class SendingPacker(Packer):
    """Leaves the reading of large files to the kernel."""

    def pieces(self, node: Node) -> Iterable[bytes | OpenFile]:
        """Return header and data of a node; its file is closed when the next piece is asked for."""
        found = self._begin(node)
        if not isinstance(found, _LargeFile):
            return found
        return self._read(node, found) if has_holes(node.status) else self._whole(found)

    def _whole(self, file: _LargeFile) -> Iterator[bytes | OpenFile]:
        try:
            yield encode_header(file.entry)
            yield OpenFile(file.descriptor, file.entry.size)
            yield padding(file.entry.size)
        finally:
            os.close(file.descriptor)


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


def _data(descriptor: int, node: Node) -> Iterator[bytes]:
    """Yield a large file's bytes; holes are not read, only made up."""
    position, size = 0, node.status.st_size
    end_of_data = 0 if has_holes(node.status) else size
    while position < size:
        if position >= end_of_data:
            data, end_of_data = _next_data(descriptor, position, size)
            while position < data:
                yield ZEROS[: data - position]
                position += min(CHUNK, data - position)
            os.lseek(descriptor, position, os.SEEK_SET)
            continue
        piece = _read_exactly(descriptor, node, min(CHUNK, end_of_data - position))
        position += len(piece)
        yield piece


def _next_data(descriptor: int, position: int, size: int) -> tuple[int, int]:
    """Return where the next data begin and end (lseek(2)); the file's end twice without any."""
    try:
        begin = os.lseek(descriptor, position, os.SEEK_DATA)
        return min(begin, size), min(os.lseek(descriptor, begin, os.SEEK_HOLE), size)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return size, size


def has_holes(status: os.stat_result) -> bool:
    """Tell whether a file takes less room than it has bytes."""
    return status.st_blocks * 512 < status.st_size


def _read_exactly(descriptor: int, node: Node, size: int) -> bytes:
    """Read ``size`` bytes: a file that shrinks meanwhile cannot be packed."""
    data = os.read(descriptor, size) if size else b""
    while len(data) < size:
        more = os.read(descriptor, size - len(data))
        if not more:
            raise CorruptContentError(f"{os.fsdecode(node.path)} shrank while it was read")
        data += more
    return data
