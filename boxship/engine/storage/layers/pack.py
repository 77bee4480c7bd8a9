"""Packing a tree into a deterministic archive: sorted, with nothing that the tree does not hold."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from boxship.engine.storage.errors import CorruptContentError
from boxship.engine.storage.layers import entry as types
from boxship.engine.storage.layers.entry import Entry
from boxship.engine.storage.layers.names import OPAQUE_MARK, WHITEOUT_PREFIX
from boxship.engine.storage.layers.walk import Node, keep_all, walk
from boxship.engine.storage.layers.whiteouts import is_opaque, is_whiteout
from boxship.engine.storage.layers.writer import END, encode_header, padding

CHUNK = 1 << 20
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
    packer = _UpperPacker()
    return gather(piece for node in walk(upper, skip) for piece in packer.pack(node))


def gather(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join small pieces of an archive into chunks, and end it."""
    gathered = bytearray()
    for piece in pieces:
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


class Packer:
    """Turns nodes into entries; remembers inodes to write hard links."""

    def __init__(self) -> None:
        self._links: dict[tuple[int, int], bytes] = {}

    def pack(self, node: Node) -> Iterator[bytes]:
        """Yield header and data of a node; nothing for a socket."""
        kind = _TYPES.get(stat.S_IFMT(node.status.st_mode))
        if kind is None:
            return
        entry = _entry(node, kind)
        status = node.status
        if status.st_nlink > 1 and kind != types.DIRECTORY:
            first = self._links.setdefault((status.st_dev, status.st_ino), node.path)
            if first != node.path:
                entry.type, entry.link, entry.size, entry.xattrs = types.HARD_LINK, first, 0, None
        yield encode_header(entry)
        if entry.type == types.FILE and entry.size:
            yield from _content(node, entry.size)


class _UpperPacker(Packer):
    def pack(self, node: Node) -> Iterator[bytes]:
        if is_whiteout(node.status):
            yield encode_header(removal_mark(node.parent, WHITEOUT_PREFIX + node.name))
            return
        yield from super().pack(node)
        if stat.S_ISDIR(node.status.st_mode) and node.path:
            descriptor = node.open()
            try:
                opaque = is_opaque(descriptor)
            finally:
                os.close(descriptor)
            if opaque:
                yield encode_header(removal_mark(node.path, OPAQUE_MARK))


def _entry(node: Node, kind: bytes) -> Entry:
    status = node.status
    is_directory = kind == types.DIRECTORY
    entry = Entry(
        name=(node.path or b".") + b"/" if is_directory else node.path,
        type=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size if kind == types.FILE else 0,
        mtime_ns=status.st_mtime_ns,
        xattrs=_xattrs(node),
    )
    if kind == types.SYMLINK:
        entry.link = os.readlink(node.name, dir_fd=node.dir_fd)
    elif kind in (types.CHAR_DEVICE, types.BLOCK_DEVICE):
        entry.major, entry.minor = os.major(status.st_rdev), os.minor(status.st_rdev)
    return entry


def _xattrs(node: Node) -> dict[str, bytes] | None:
    path = b"/proc/self/fd/%d/%b" % (node.dir_fd, node.name or b".")
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:  # the file system has none
        return None
    return {
        name: os.getxattr(path, name, follow_symlinks=False)
        for name in names
        if not name.startswith(_SKIPPED_XATTRS)
    } or None


def _content(node: Node, size: int) -> Iterator[bytes]:
    """Yield exactly ``size`` bytes: a file that shrinks meanwhile cannot be packed."""
    descriptor = node.open()
    try:
        missing = size
        while missing:
            piece = os.read(descriptor, min(missing, CHUNK))
            if not piece:
                raise CorruptContentError(f"{os.fsdecode(node.path)} shrank while it was read")
            missing -= len(piece)
            yield piece
    finally:
        os.close(descriptor)
    yield padding(size)
