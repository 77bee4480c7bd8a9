"""Reading .deb archives (deb(5)): an ar archive of two tars."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from boxship.engine.storage.errors import CorruptLayerError
from boxship.engine.storage.layers import entry as types
from boxship.engine.storage.layers.decompress import decompress
from boxship.engine.storage.layers.entry import Entry
from boxship.engine.storage.layers.names import clean_name
from boxship.engine.storage.layers.reader import TarReader
from boxship.engine.storage.layers.writer import END, encode_header, padding

_MAGIC = b"!<arch>\n"
_HEADER = 60
_CHUNK = 1 << 20
MERGED = (b"bin", b"sbin", b"lib", b"lib32", b"lib64", b"libo32", b"libx32")
"""Directories that are links into usr since the merge (Debian 12 and later)."""


@dataclass(frozen=True, slots=True)
class Control:
    """A package's own description and the files beside it (scripts, conffiles, md5sums …)."""

    fields: dict[str, str]
    """Of the control file; values keep their continuation lines."""
    files: dict[str, bytes]

    @property
    def package(self) -> str:
        """Its name."""
        return self.fields["Package"]

    @property
    def conffiles(self) -> list[str]:
        """Absolute paths of its configuration files."""
        text = self.files.get("conffiles", b"").decode()
        return [line for line in text.splitlines() if line.startswith("/")]


def read_control(path: Path) -> Control:
    """Read what a package says of itself. Raises CorruptLayerError. [blocking]"""
    files: dict[str, bytes] = {}
    with _member(path, "control.tar") as chunks:
        reader = TarReader(decompress(chunks))
        for entry in reader:
            if entry.type == types.FILE:
                name = os.fsdecode(clean_name(entry.name))
                files[name] = b"".join(bytes(piece) for piece in reader.data())
    text = files.pop("control", b"").decode(errors="replace")
    fields: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        if line[:1].isspace():
            fields[key] += "\n" + line
        else:
            key, _, value = line.partition(":")
            fields[key] = value.strip()
    if "Package" not in fields:
        raise CorruptLayerError(f"{path.name} is no package: it has no name")
    return Control(fields, files)


@contextmanager
def _member(path: Path, prefix: str) -> Iterator[Iterator[bytes]]:
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise CorruptLayerError(f"{path.name} is no package: not an ar archive")
        while len(header := file.read(_HEADER)) == _HEADER:
            name = header[:16].decode(errors="replace").strip().rstrip("/")
            size = int(header[48:58] or b"0")
            if name.startswith(prefix):
                yield _limited(file, size)
                return
            file.seek(size + size % 2, os.SEEK_CUR)
    raise CorruptLayerError(f"{path.name} is no package: it has no {prefix}")


def _limited(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (chunk := file.read(min(size, _CHUNK))):
        size -= len(chunk)
        yield chunk


class FileTree:
    """The files of many packages as one archive, each directory once.

    ``listed``: package → absolute paths of what it brought; ``newest``: the latest time of a
    file. Both are complete when the archive has been read.
    """

    def __init__(self, *, merged_usr: bool) -> None:
        self.listed: dict[str, list[str]] = {}
        self.newest = 0
        self._merged = MERGED if merged_usr else ()
        self._directories: set[bytes] = set()

    def archive(self, packages: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
        """Yield an archive of all files of packages: name and .deb of each. [blocking]"""
        for name in sorted(self._merged[:3]):
            link = Entry(
                name=name, type=types.SYMLINK, mode=0o777, uid=0, gid=0, size=0, mtime_ns=0
            )
            link.link = b"usr/" + name
            yield encode_header(_directory(b"usr/" + name))
            yield encode_header(link)
        for package, path in packages:
            yield from self._package(package, path)
        yield END

    def _package(self, package: str, path: Path) -> Iterator[bytes]:
        paths = self.listed.setdefault(package, ["/."])
        with _member(path, "data.tar") as chunks:
            reader = TarReader(decompress(chunks))
            for entry in reader:
                name = clean_name(entry.name)
                if name:
                    paths.append("/" + os.fsdecode(name))
                    yield from self._entry(entry, name, reader)

    def _entry(self, entry: Entry, name: bytes, reader: TarReader) -> Iterator[bytes]:
        if name in self._merged:
            yield from self._top(name)
            return
        entry.name = self._moved(name)
        self.newest = max(self.newest, entry.mtime_ns)
        if entry.type == types.DIRECTORY:
            if entry.name in self._directories:
                return
            self._directories.add(entry.name)
        if entry.type == types.HARD_LINK:
            entry.link = self._moved(clean_name(entry.link))
        yield encode_header(entry)
        if entry.type == types.FILE and entry.size:
            for piece in reader.data():
                yield bytes(piece)
            yield padding(entry.size)

    def _top(self, name: bytes) -> Iterator[bytes]:
        """Make a rarer directory of the root, such as lib64, the link that it is."""
        if name in self._merged[:3] or name in self._directories:
            return
        self._directories.add(name)
        link = Entry(name=name, type=types.SYMLINK, mode=0o777, uid=0, gid=0, size=0, mtime_ns=0)
        link.link = b"usr/" + name
        yield encode_header(_directory(b"usr/" + name))
        yield encode_header(link)

    def _moved(self, name: bytes) -> bytes:
        first, slash, _ = name.partition(b"/")
        return b"usr/" + name if slash and first in self._merged else name


def _directory(name: bytes) -> Entry:
    return Entry(
        name=name + b"/", type=types.DIRECTORY, mode=0o755, uid=0, gid=0, size=0, mtime_ns=0
    )
