"""Reading a tar of images into the content store in one pass.

Members come in any order and from strangers: large ones go into the content store as they pass,
small ones are kept in memory; nothing is ever written to a path that the archive names.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from boxship.engine.storage.content import ContentStore, ContentWriter
from boxship.engine.storage.growth import Growth
from boxship.engine.storage.layers import entry as types
from boxship.engine.storage.layers.decompress import compression_of, decompress
from boxship.engine.storage.layers.entry import Entry
from boxship.engine.storage.layers.reader import TarReader
from boxship.errors import InvalidParameterError
from boxship.oci.document import MAX_DOCUMENT_SIZE
from boxship.reference import is_digest

MAX_MEMBERS = 100_000
MAX_SMALL = 1 << 18
"""Bytes of a member that is kept in memory."""
MAX_ALL_SMALL = 64 << 20
MAX_LINKS = 16
_HEX_NAME = re.compile(r"(?:^|/)([0-9a-f]{64})(?:\.tar|/layer\.tar)?$")
_FILES = frozenset({types.FILE, types.FILE_V7, types.CONTIGUOUS})

Hold = Callable[[str], None]
"""Protects a digest from being reclaimed; returns when it is protected. [blocking]"""


Arriving = Callable[[str, Growth], None]
"""Told the path of a member that may be a layer, and how to read it while it is stored."""
MAX_UNFLUSHED = 32
"""Blobs whose flushing waits for the archive's end, when the disk has mostly done it already."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A member in the content store."""

    digest: str
    size: int


@dataclass(slots=True)
class Archive:
    """The members of an archive, by their normal paths."""

    content: ContentStore
    hold: Hold
    small: dict[str, bytes] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    small_bytes: int = 0

    def resolve(self, path: str) -> str:
        """Follow symbolic links inside the archive; InvalidParameterError for a missing member."""
        place = normal_path(path)
        for _ in range(MAX_LINKS):
            if place in self.small or place in self.stored:
                return place
            if place not in self.links:
                break
            place = normal_path(posixpath.join(posixpath.dirname(place), self.links[place]))
        raise InvalidParameterError(f"invalid archive: it has no member {path!r}")

    def __contains__(self, path: str) -> bool:
        return path in self.small or path in self.stored or path in self.links

    def document(self, path: str) -> bytes:
        """Return a JSON document of the archive."""
        place = self.resolve(path)
        if place in self.small:
            return self.small[place]
        if self.stored[place].size > MAX_DOCUMENT_SIZE:
            raise InvalidParameterError(f"invalid archive: {path!r} is too large for a document")
        return self.content.read(self.stored[place].digest)

    def blob(self, path: str) -> Stored:
        """Return a member as content, which it becomes if it was kept in memory. [blocking]"""
        place = self.resolve(path)
        if place not in self.stored:
            data = self.small[place]
            with self.content.writer(_named_digest(place), len(data)) as writer:
                writer.write(data)
                self.stored[place] = Stored(writer.commit(), len(data))
            self.hold(self.stored[place].digest)
        return self.stored[place]

    def head(self, path: str) -> bytes:
        """Return the first bytes of a member, which tell its compression."""
        place = self.resolve(path)
        if place in self.small:
            return self.small[place][:8]
        with self.content.open(self.stored[place].digest) as file:
            return file.read(8)


def read_archive(
    chunks: Iterable[bytes], content: ContentStore, hold: Hold, arriving: Arriving | None = None
) -> Archive:
    """Read a tar, plain or compressed, to its end. [blocking]

    Raises InvalidParameterError, CorruptLayerError, CorruptContentError for a blob that does not
    have the digest in its name, StorageFullError.
    """
    archive = Archive(content, hold)
    reader = TarReader(decompress(chunks))
    with _Storing(archive, arriving) as storing:
        for count, entry in enumerate(reader):
            if count >= MAX_MEMBERS:
                raise InvalidParameterError(f"invalid archive: more than {MAX_MEMBERS} members")
            path = normal_path(entry.name.decode("utf-8", "surrogateescape"))
            if entry.type in _FILES:
                _take_file(archive, path, entry, reader, storing)
            elif entry.type == types.SYMLINK:
                archive.links[path] = entry.link.decode("utf-8", "surrogateescape")
            elif entry.type == types.HARD_LINK:
                target = normal_path(entry.link.decode("utf-8", "surrogateescape"))
                archive.links[path] = posixpath.relpath(target, posixpath.dirname(path) or ".")
        reader.drain()
        storing.flush()
    return archive


class _Storing:
    """Writes large members into the content store; leaving it undoes what is not flushed."""

    def __init__(self, archive: Archive, arriving: Arriving | None) -> None:
        self._archive = archive
        self._arriving = arriving
        self._unflushed: list[ContentWriter] = []

    def __enter__(self) -> "_Storing":
        return self

    def __exit__(self, *exception: object) -> None:
        for writer in self._unflushed:
            writer.abort()

    def store(self, path: str, digest: str | None, size: int, data: Iterator[memoryview]) -> str:
        """Store a member and return its digest."""
        first = next(data)
        growth = None
        if self._arriving is not None and self._may_be_layer(path, digest, first):
            growth = Growth()
        writer = self._archive.content.writer(digest, size, growth)
        self._unflushed.append(writer)
        if self._arriving is not None and growth is not None:
            self._arriving(path, growth)
        try:
            for view in chain((first,), data):
                writer.write(view)
            found = writer.verify()
        except BaseException:
            if growth is not None:
                growth.fail()
            raise
        if len(self._unflushed) >= MAX_UNFLUSHED:
            self.flush()
        return found

    def flush(self) -> None:
        """Let the blobs appear in the content store."""
        while self._unflushed:
            self._unflushed.pop().commit()

    def _may_be_layer(self, path: str, digest: str | None, head: memoryview) -> bool:
        """Tell whether a member looks like an archive that is not here yet."""
        named = digest or _digest_in(path)
        if named and self._archive.content.has(named):
            return False
        return bool(compression_of(bytes(head[:8]))) or bytes(head[257:262]) == b"ustar"


def _take_file(
    archive: Archive, path: str, entry: Entry, reader: TarReader, storing: _Storing
) -> None:
    if entry.sparse is not None:
        raise InvalidParameterError(f"invalid archive: {path!r} is a sparse file")
    if entry.size <= MAX_SMALL and archive.small_bytes + entry.size <= MAX_ALL_SMALL:
        archive.small[path] = b"".join(bytes(view) for view in reader.data())
        archive.small_bytes += entry.size
        return
    digest = _named_digest(path)
    if digest is not None:
        archive.hold(digest)
        if archive.content.has(digest) and archive.content.size(digest) == entry.size:
            archive.stored[path] = Stored(digest, entry.size)
            return
    found = storing.store(path, digest, entry.size, reader.data())
    archive.stored[path] = Stored(found, entry.size)
    archive.hold(found)


def _named_digest(path: str) -> str | None:
    """Return the digest in ``blobs/<algorithm>/<hex>``."""
    parts = path.split("/")
    digest = ":".join(parts[1:])
    return digest if len(parts) == 3 and parts[0] == "blobs" and is_digest(digest) else None


def _digest_in(path: str) -> str:
    """Return the digest that a member's name hints at (``<hex>.tar``), or nothing."""
    match = _HEX_NAME.search(path)
    return f"sha256:{match[1]}" if match else ""


def normal_path(path: str) -> str:
    """Return a member's path in its one normal form. Raises InvalidParameterError."""
    normal = posixpath.normpath(path)
    if normal.startswith(("/", "../")) or normal == ".." or "\0" in path:
        raise InvalidParameterError(f"invalid archive: a member's path leads outside: {path!r}")
    return normal
