"""Unpacking a layer's archive into a directory that it cannot leave.

Every parent directory is opened with openat2(RESOLVE_IN_ROOT) and kept open; the last component of
a name is only ever created, linked or removed relative to such a descriptor, never followed.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from boxship.engine.storage.errors import CorruptLayerError, LayerLimitError, disk_errors
from boxship.engine.storage.layers import entry as types
from boxship.engine.storage.layers.attributes import (
    change_mode,
    checked_owner,
    clamped_time,
    masked_bits,
    set_attributes,
)
from boxship.engine.storage.layers.beneath import copy_up
from boxship.engine.storage.layers.directories import Directories, DirectoryAttributes
from boxship.engine.storage.layers.entry import Entry
from boxship.engine.storage.layers.limits import LayerLimits
from boxship.engine.storage.layers.names import (
    META_PREFIX,
    OPAQUE_MARK,
    WHITEOUT_PREFIX,
    clean_name,
)
from boxship.engine.storage.layers.reader import TarReader
from boxship.engine.storage.layers.whiteouts import Whiteouts, is_whiteout, remove_entry
from boxship.errors import InvalidParameterError

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ARCHIVE_ERRORS = frozenset(
    {errno.ENAMETOOLONG, errno.EFBIG, errno.EINVAL, errno.ENOTDIR, errno.ELOOP, errno.ENOENT}
    | {errno.E2BIG, errno.ERANGE, errno.EISDIR, errno.EEXIST, errno.EMLINK, errno.EXDEV}
)
"""What the kernel answers where the archive is at fault, not the disk."""
_FILE_TYPES = {
    types.CHAR_DEVICE: stat.S_IFCHR,
    types.BLOCK_DEVICE: stat.S_IFBLK,
    types.FIFO: stat.S_IFIFO,
}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What an archive held."""

    size: int
    """Bytes in its files and symbolic links, as Docker counts them."""
    entries: int
    describes_root: bool = True
    """Whether it says what the root directory itself is like."""


def unpack(
    archive: Iterable[bytes],
    tree: Path,
    whiteouts: Whiteouts,
    limits: LayerLimits,
    lowers: Sequence[Path] = (),
    *,
    keep_kinds: bool = False,
    owner: tuple[int, int] | None = None,
) -> Unpacked:
    """Unpack an uncompressed tar archive into the directory ``tree``. [blocking]

    ``lowers``: trees of the layers below, the topmost first; directories that the archive uses but
    does not describe take their attributes from there. ``keep_kinds``: a file never takes a
    directory's place, nor a directory a file's: InvalidParameterError. ``owner``: of everything,
    whatever the archive says. The archive is read to its
    end. Raises
    CorruptLayerError, HostileLayerError, LayerLimitError, StorageFullError; the tree is then to be
    thrown away.
    """
    unpacker = _Unpacker(tree, whiteouts, limits, lowers, keep_kinds, owner)
    try:
        with disk_errors("unpacking a layer", tree):
            return unpacker.run(TarReader(archive))
    finally:
        unpacker.close()


class _Unpacker:
    def __init__(
        self,
        tree: Path,
        whiteouts: Whiteouts,
        limits: LayerLimits,
        lowers: Sequence[Path],
        keep_kinds: bool,
        owner: tuple[int, int] | None,
    ) -> None:
        self._owner = owner
        self._keep_kinds = keep_kinds
        self._tree = tree
        self._lowers = lowers
        self._directories = Directories(tree, lowers)
        self._whiteouts = whiteouts
        self._limits = limits
        self._inherits_group = whiteouts.in_place
        self._masked = masked_bits()
        self._size = 0
        self._describes_root = False
        self._reader = TarReader(())
        self._creators: dict[bytes, Callable[[int, bytes, bytes, Entry], None]] = {
            types.FILE: self._file,
            types.HARD_LINK: self._hard_link,
            types.SYMLINK: self._symlink,
            types.CHAR_DEVICE: self._special,
            types.BLOCK_DEVICE: self._special,
            types.DIRECTORY: self._directory,
            types.FIFO: self._special,
        }

    def run(self, reader: TarReader) -> Unpacked:
        self._reader = reader
        count = 0
        for entry in reader:
            count += 1
            if self._owner is not None:
                entry.uid, entry.gid = self._owner
            if count > self._limits.max_entries:
                raise LayerLimitError(
                    f"the layer has more than {self._limits.max_entries} entries, the limit for "
                    "one layer"
                )
            try:
                self._add(entry)
            except OSError as error:
                if error.errno not in _ARCHIVE_ERRORS:
                    raise
                name = os.fsdecode(entry.name)[:300]
                raise CorruptLayerError(f"invalid layer: {name}: {error.strerror}") from error
        self._directories.finish()
        reader.drain()
        return Unpacked(self._size, count, self._describes_root)

    def close(self) -> None:
        self._directories.close()

    def _add(self, entry: Entry) -> None:
        path = clean_name(entry.name)
        parent, _, name = path.rpartition(b"/")
        if name.startswith(WHITEOUT_PREFIX):
            self._remove_below(parent, name)
            return
        creator = self._creators.get(entry.type)
        if creator is None:
            raise CorruptLayerError(
                f"unhandled tar header type {entry.type[0]} of {os.fsdecode(entry.name)}"
            )
        if path:
            creator(self._directories.descriptor(parent), name, path, entry)
            self._whiteouts.created(path)
        elif entry.type == types.DIRECTORY:
            self._describes_root = True
            self._later(b"", entry)
        else:
            raise CorruptLayerError("invalid layer: its root is no directory")

    def _remove_below(self, parent: bytes, mark: bytes) -> None:
        dir_fd = self._directories.descriptor(parent)
        if mark == OPAQUE_MARK:
            self._whiteouts.make_opaque(dir_fd, parent)
        elif not mark.startswith(META_PREFIX):
            name = mark[len(WHITEOUT_PREFIX) :]
            if name in (b"", b".", b".."):
                raise CorruptLayerError(f"invalid layer: whiteout {mark!r}")
            path = parent + b"/" + name if parent else name
            self._whiteouts.remove(dir_fd, name, path)
        if self._whiteouts.in_place:  # a directory with an open descriptor may be gone
            self._directories.forget_descriptors()

    def _file(self, dir_fd: int, name: bytes, path: bytes, entry: Entry) -> None:
        mode = entry.mode
        try:
            descriptor = os.open(name, _CREATE, mode & 0o777, dir_fd=dir_fd)
        except FileExistsError:
            dir_fd = self._make_room(name, path)
            descriptor = os.open(name, _CREATE, mode & 0o777, dir_fd=dir_fd)
        try:
            if entry.sparse is not None:
                self._write_sparse(descriptor, entry)
            elif entry.size:
                self._write(descriptor)
                self._size += entry.size
            if entry.uid or entry.gid or self._inherits_group:
                os.fchown(descriptor, *checked_owner(entry.uid, entry.gid))
            if mode & self._masked:
                os.fchmod(descriptor, mode)
            if entry.xattrs:
                set_attributes(descriptor, entry.xattrs)
            time = clamped_time(entry.mtime_ns)
            os.utime(descriptor, ns=(time, time))
        finally:
            os.close(descriptor)

    def _write(self, descriptor: int) -> None:
        whole = self._reader.whole_data()
        if whole is not None:
            _write_all(descriptor, whole)
            return
        for piece in self._reader.data():
            _write_all(descriptor, piece)

    def _write_sparse(self, descriptor: int, entry: Entry) -> None:
        os.ftruncate(descriptor, entry.real_size)
        self._size += entry.real_size
        pieces = self._reader.data()
        piece = memoryview(b"")
        for offset, length in entry.sparse or ():
            os.lseek(descriptor, offset, os.SEEK_SET)
            while length:
                piece = piece or next(pieces)
                _write_all(descriptor, piece[:length])
                taken = min(length, len(piece))
                piece = piece[taken:]
                length -= taken

    def _directory(self, dir_fd: int, name: bytes, path: bytes, entry: Entry) -> None:
        if self._keep_kinds:
            _check_directory_fits(dir_fd, name, path)
        self._directories.make(dir_fd, name, path)
        self._later(path, entry)

    def _later(self, path: bytes, entry: Entry) -> None:
        uid, gid = checked_owner(entry.uid, entry.gid)
        time = clamped_time(entry.mtime_ns)
        attributes = DirectoryAttributes(entry.mode, uid, gid, time, entry.xattrs)
        self._directories.set_attributes_later(path, attributes)

    def _symlink(self, dir_fd: int, name: bytes, path: bytes, entry: Entry) -> None:
        self._size += len(entry.link)
        try:
            os.symlink(entry.link, name, dir_fd=dir_fd)
        except FileExistsError:
            dir_fd = self._make_room(name, path)
            os.symlink(entry.link, name, dir_fd=dir_fd)
        self._set_by_name(dir_fd, name, entry)

    def _hard_link(self, dir_fd: int, name: bytes, path: bytes, entry: Entry) -> None:
        target = clean_name(entry.link)
        parent, _, target_name = target.rpartition(b"/")
        target_fd = os.dup(self._directories.descriptor(parent))  # the next one may evict it
        try:
            dir_fd = self._directories.descriptor(path.rpartition(b"/")[0])
            status = self._link_target(target_fd, target, entry)
            if stat.S_ISDIR(status.st_mode):
                raise CorruptLayerError(f"invalid layer: hard link {path!r} to a directory")
            try:
                _link(target_fd, target_name, dir_fd, name)
            except FileExistsError:
                if not os.path.samestat(
                    status, os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
                ):
                    _link(target_fd, target_name, self._make_room(name, path), name)
        finally:
            os.close(target_fd)

    def _link_target(self, target_fd: int, target: bytes, entry: Entry) -> os.stat_result:
        """Return the status of a hard link's target, copied from the layers below if need be."""
        name = target.rpartition(b"/")[2] or b"."
        try:
            status = os.stat(name, dir_fd=target_fd, follow_symlinks=False)
        except FileNotFoundError:
            copied = copy_up((self._tree, *self._lowers), target, target_fd)
            if copied is None:
                raise _no_target(entry) from None
            if stat.S_ISDIR(copied.st_mode):
                return copied
            self._size += copied.st_size
            return os.stat(name, dir_fd=target_fd, follow_symlinks=False)
        if is_whiteout(status) and not self._whiteouts.in_place:
            raise _no_target(entry)
        return status

    def _special(self, dir_fd: int, name: bytes, path: bytes, entry: Entry) -> None:
        try:
            device = os.makedev(entry.major, entry.minor)
        except OverflowError:
            raise CorruptLayerError(f"invalid layer: device number of {path!r}") from None
        mode = _FILE_TYPES[entry.type] | entry.mode
        try:
            os.mknod(name, mode, device, dir_fd=dir_fd)
        except FileExistsError:
            dir_fd = self._make_room(name, path)
            os.mknod(name, mode, device, dir_fd=dir_fd)
        self._set_by_name(dir_fd, name, entry)
        change_mode(dir_fd, name, entry.mode)

    def _set_by_name(self, dir_fd: int, name: bytes, entry: Entry) -> None:
        """Owner, extended attributes and time of what cannot be opened."""
        if entry.uid or entry.gid or self._inherits_group:
            uid, gid = checked_owner(entry.uid, entry.gid)
            os.chown(name, uid, gid, dir_fd=dir_fd, follow_symlinks=False)
        if entry.xattrs:
            set_attributes(b"/proc/self/fd/%d/%b" % (dir_fd, name), entry.xattrs)
        time = clamped_time(entry.mtime_ns)
        os.utime(name, ns=(time, time), dir_fd=dir_fd, follow_symlinks=False)

    def _make_room(self, name: bytes, path: bytes) -> int:
        """Remove what is in the way of a new file; return its parent's descriptor."""
        parent = path.rpartition(b"/")[0]
        dir_fd = self._directories.descriptor(parent)
        status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if self._keep_kinds and stat.S_ISDIR(status.st_mode):
            raise InvalidParameterError(
                f'cannot overwrite directory "/{os.fsdecode(path)}" with non-directory'
            )
        remove_entry(dir_fd, name, status)
        if not stat.S_ISREG(status.st_mode):
            self._directories.forget(path)
        return self._directories.descriptor(parent)


def _check_directory_fits(dir_fd: int, name: bytes, path: bytes) -> None:
    try:
        status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode):
        raise InvalidParameterError(
            f'cannot overwrite non-directory "/{os.fsdecode(path)}" with directory'
        )


def _no_target(entry: Entry) -> CorruptLayerError:
    return CorruptLayerError(
        f"invalid layer: hard link {os.fsdecode(entry.name)} to {os.fsdecode(entry.link)}, which "
        "is neither in the layer nor below it"
    )


def _link(target_fd: int, target: bytes, dir_fd: int, name: bytes) -> None:
    os.link(target, name, src_dir_fd=target_fd, dst_dir_fd=dir_fd, follow_symlinks=False)


def _write_all(descriptor: int, data: memoryview) -> None:
    written = os.write(descriptor, data)
    while written < len(data):
        data = data[written:]
        written = os.write(descriptor, data)
