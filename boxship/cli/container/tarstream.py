"""Tar streams for ``cp``: packing a local tree, unpacking what a container sent.

What a container sends is not trusted: every name is walked component by component from the target
directory, never through a symbolic link that the archive could have made.
"""

import os
import stat
import tarfile

from boxship.cli.errors import CliError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

_BLOCK = 512
_READ_SIZE = 256 * 1024
_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Tally:
    """Passes blocks on and counts them; readable like a file too. content: bytes so far."""

    def __init__(self, blocks: "Iterable[bytes]") -> None:
        self._blocks = iter(blocks)
        self._buffer = b""
        self.content = 0

    def __iter__(self) -> "Iterator[bytes]":
        for block in self._blocks:
            self.content += len(block)
            yield block

    def read(self, size: int) -> bytes:
        """Up to size bytes, fewer only at the end."""
        while len(self._buffer) < size:
            block = next(self._blocks, b"")
            if not block:
                break
            self.content += len(block)
            self._buffer += block
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data


def pack(path: str, name: str) -> "Iterator[bytes]":
    """A file or tree as a tar stream in which it is called name; empty: the content only."""
    yield from _pack_entry(path, name or ".")
    yield bytes(2 * _BLOCK)


def _pack_entry(path: str, name: str) -> "Iterator[bytes]":
    status = os.lstat(path)
    entry = _entry(path, name, status)
    if entry is None:
        return
    yield entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    if entry.isreg():
        yield from _content(path, entry.size)
    elif entry.isdir():
        for child in sorted(os.listdir(path)):
            yield from _pack_entry(os.path.join(path, child), f"{name}/{child}")


def _entry(path: str, name: str, status: os.stat_result) -> tarfile.TarInfo | None:
    """The head of one entry; None for a socket, which tar cannot hold."""
    entry = tarfile.TarInfo(name)
    entry.mode, entry.uid, entry.gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    entry.mtime = status.st_mtime
    kind = status.st_mode
    if stat.S_ISREG(kind):
        entry.size = status.st_size
    elif stat.S_ISDIR(kind):
        entry.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(kind):
        entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(path)
    elif stat.S_ISFIFO(kind):
        entry.type = tarfile.FIFOTYPE
    elif stat.S_ISCHR(kind) or stat.S_ISBLK(kind):
        entry.type = tarfile.CHRTYPE if stat.S_ISCHR(kind) else tarfile.BLKTYPE
        entry.devmajor, entry.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    else:
        return None
    return entry


def _content(path: str, size: int) -> "Iterator[bytes]":
    """Exactly size bytes of a file, and the padding; it may change while it is read."""
    left = size
    with open(path, "rb") as file:
        while left and (data := file.read(min(_READ_SIZE, left))):
            left -= len(data)
            yield data
    if left:
        raise CliError(f"{path} became shorter while it was copied")
    if size % _BLOCK:
        yield bytes(_BLOCK - size % _BLOCK)


def unpack(source: Tally, directory: str, *, name: str, keep_owner: bool) -> None:
    """Unpack below directory what the archive holds under its first entry's name.

    name: what that entry is called here; empty: only its content is wanted. keep_owner: give
    files the archive's numeric owner. Raises CliError for a hostile name.
    """
    root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with tarfile.open(fileobj=_as_file(source), mode="r|") as archive:
            rename: tuple[str, str] | None = None
            for entry in archive:
                parts = _parts(entry.name)
                rename = rename or ("/".join(parts[:1]), name)
                parts = _renamed(parts, *rename)
                if parts:
                    _unpack_entry(archive, entry, root, parts, rename, keep_owner=keep_owner)
    except tarfile.TarError as error:
        raise CliError(f"the container sent a damaged archive: {error}") from error
    finally:
        os.close(root)


def _as_file(source: Tally) -> "IO[bytes]":
    file: IO[bytes] = source  # type: ignore[assignment]  # tarfile's streams only call read
    return file


def _parts(name: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise CliError(f"refusing to unpack {name!r}: it would leave the target directory")
    return parts


def _renamed(parts: list[str], old: str, new: str) -> list[str]:
    if old and parts[:1] == [old]:
        parts = parts[1:]
    return ([new] if new else []) + parts


def _unpack_entry(
    archive: tarfile.TarFile,
    entry: tarfile.TarInfo,
    root: int,
    parts: list[str],
    rename: tuple[str, str],
    *,
    keep_owner: bool,
) -> None:
    parent = _open_directory(root, parts[:-1])
    name = parts[-1]
    try:
        if entry.isdir():
            _make_directory(parent, name)
        else:
            _remove_file(parent, name)
            if entry.isreg():
                _write_file(archive, entry, parent, name)
            elif entry.issym():
                os.symlink(entry.linkname, name, dir_fd=parent)
            elif entry.islnk():
                _hard_link(entry, root, parent, name, rename)
            else:
                return  # devices and pipes are not copied out of a container
        _set_attributes(entry, parent, name, keep_owner=keep_owner)
    finally:
        os.close(parent)


def _open_directory(root: int, parts: list[str]) -> int:
    """Open a directory below root, no component of which is a symbolic link."""
    current = os.dup(root)
    for part in parts:
        try:
            _make_directory(current, part)
            following = os.open(part, _DIRECTORY_FLAGS, dir_fd=current)
        except OSError as error:
            raise CliError(f"cannot unpack into {'/'.join(parts)}: {error.strerror}") from error
        finally:
            os.close(current)
        current = following
    return current


def _make_directory(parent: int, name: str) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=parent)
    except FileExistsError:
        pass


def _remove_file(parent: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        pass
    except (IsADirectoryError, PermissionError) as error:
        raise CliError(f"cannot overwrite {name}: {error.strerror}") from error


def _write_file(archive: tarfile.TarFile, entry: tarfile.TarInfo, parent: int, name: str) -> None:
    content = archive.extractfile(entry)
    with open(os.open(name, _FILE_FLAGS, 0o600, dir_fd=parent), "wb") as file:
        while content is not None and (data := content.read(_READ_SIZE)):
            file.write(data)


def _hard_link(
    entry: tarfile.TarInfo, root: int, parent: int, name: str, rename: tuple[str, str]
) -> None:
    """A hard link to what the archive unpacked before, wherever that is here."""
    parts = _renamed(_parts(entry.linkname), *rename)
    source = _open_directory(root, parts[:-1])
    try:
        os.link(parts[-1], name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
    finally:
        os.close(source)


def _set_attributes(entry: tarfile.TarInfo, parent: int, name: str, *, keep_owner: bool) -> None:
    if keep_owner:
        os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
    if not entry.issym() and not entry.islnk():
        os.chmod(name, entry.mode & 0o7777, dir_fd=parent)
        os.utime(name, (entry.mtime, entry.mtime), dir_fd=parent)
