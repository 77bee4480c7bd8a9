"""An image's layers, one on the other: what is seen through them, and what each hides."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence

import msgspec

from boxship.engine.images.examine.report import FileState, LayerSize
from boxship.engine.images.image import Image
from boxship.engine.storage.service import StorageService
from boxship.engine.storage.snapshots.contents import LayerFile

_CHUNK = 1 << 20


class Version(msgspec.Struct, frozen=True):
    """A file as one layer brings it."""

    file: LayerFile
    layer: int
    """Place in the image, the lowest is 0."""

    @property
    def status(self) -> os.stat_result:
        """The file's own status."""
        assert self.file.status is not None, "a version is of a file that is there"
        return self.file.status


class Hidden(msgspec.Struct, frozen=True):
    """A version that a higher layer puts out of sight."""

    version: Version
    by: int
    successor: Version | None
    """What is seen in its place; None: it was removed."""


class Union:
    """Grows layer by layer; ``files`` is what can be seen. [blocking]"""

    def __init__(self) -> None:
        self.files: dict[bytes, Version] = {}
        self._below: dict[bytes, set[bytes]] = {}

    def apply(self, files: Iterator[LayerFile], layer: int) -> Iterator[Hidden]:
        """Put a layer on top; yield what it hides. Iterate to the end."""
        for file in files:
            if file.status is None:
                yield from self._drop(file.path, layer, None)
                continue
            version = Version(file, layer)
            old = self.files.get(file.path)
            if file.opaque or (old is not None and not file.is_directory):
                yield from self._drop_below(file.path, layer)
            if old is not None and not (old.file.is_directory and file.is_directory):
                yield Hidden(old, layer, version)
            self._add(file.path, version)

    def _add(self, path: bytes, version: Version) -> None:
        self.files[path] = version
        self._below.setdefault(path.rpartition(b"/")[0], set()).add(path)

    def _drop(self, path: bytes, layer: int, successor: Version | None) -> Iterator[Hidden]:
        yield from self._drop_below(path, layer)
        old = self.files.pop(path, None)
        self._below.get(path.rpartition(b"/")[0], set()).discard(path)
        if old is not None and old.layer < layer:
            yield Hidden(old, layer, successor)

    def _drop_below(self, directory: bytes, layer: int) -> Iterator[Hidden]:
        for path in self._below.pop(directory, ()):
            old = self.files.get(path)
            if old is not None and old.layer == layer:  # this layer's own: it stays
                self._below.setdefault(directory, set()).add(path)
                continue
            yield from self._drop(path, layer, None)


def state_of(version: Version, digest: str = "") -> FileState:
    """Describe a version."""
    status = version.status
    return FileState(
        mode=status.st_mode,
        uid=status.st_uid,
        gid=status.st_gid,
        size=status.st_size if stat.S_ISREG(status.st_mode) else 0,
        mtime_ns=status.st_mtime_ns,
        link=os.fsdecode(version.file.link),
        digest=digest,
        layer=version.layer,
    )


def shown(path: bytes) -> str:
    """``/usr/bin`` for ``usr/bin``."""
    return "/" + os.fsdecode(path)


def digest_of(storage: StorageService, chain_id: str, path: bytes) -> str:
    """Return the digest of a layer's regular file. [blocking]"""
    sha256 = hashlib.sha256()
    with os.fdopen(storage.contents.open(chain_id, path), "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
    return f"sha256:{sha256.hexdigest()}"


def layer_sizes(storage: StorageService, image: Image, shared: int = 0) -> tuple[LayerSize, ...]:
    """Describe an image's layers, lowest first; the lowest ``shared`` ones are marked."""
    steps = commands(image)
    return tuple(
        LayerSize(
            diff_id=blob.diff_id,
            size=storage.layer_size(blob.chain_id),
            created_by=steps[place],
            shared=place < shared,
        )
        for place, blob in enumerate(image.blobs)
    )


def commands(image: Image) -> Sequence[str]:
    """Return what made each layer, as the history says it; empty where it does not."""
    steps = [step for step in image.config.history if not step.empty_layer]
    said = [step.created_by or step.comment for step in steps]
    return (said + [""] * len(image.blobs))[: len(image.blobs)]
