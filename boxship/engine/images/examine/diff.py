"""What differs between two images. Layers that both stand on are not read.

Above the common layers each image has a delta: what its own layers bring and hide. Only paths that
a delta touches can differ; what lies below is looked up where that is needed.
"""

import os
import stat
from collections.abc import Iterator

from boxship.engine.images.examine.configs import compare_configs
from boxship.engine.images.examine.packages import Packages, parser_of, too_large
from boxship.engine.images.examine.report import (
    Difference,
    FileDifference,
    FileState,
    PackageDifference,
)
from boxship.engine.images.examine.stack import (
    Union,
    Version,
    digest_of,
    layer_sizes,
    shown,
    state_of,
)
from boxship.engine.images.image import Image
from boxship.engine.storage.service import StorageService
from boxship.engine.storage.snapshots.contents import LayerFile


class _Side:
    """One image above the layers that both have."""

    def __init__(self, storage: StorageService, image: Image, common: int) -> None:
        self.image = image
        self._storage = storage
        self._base = image.chain_ids[:common]
        self._union = Union()
        self.hiding: set[bytes] = set()
        """Paths at and below which the base is not seen."""
        self._opaque: set[bytes] = set()
        for place in range(common, len(image.chain_ids)):
            files = self._noted(storage.contents.files(image.chain_ids[place]))
            for _ in self._union.apply(files, place):
                pass

    @property
    def paths(self) -> set[bytes]:
        """Everything that the delta brings or hides by name."""
        return self._union.files.keys() | self.hiding

    def _noted(self, files: Iterator[LayerFile]) -> Iterator[LayerFile]:
        for file in files:
            if file.status is None or not file.is_directory:
                self.hiding.add(file.path)
            elif file.opaque:
                self._opaque.add(file.path)
            yield file

    def hidden_of_base(self) -> Iterator[bytes]:
        """Yield the paths of the base that the delta hides without naming each."""
        for path in self.hiding | self._opaque:
            yield from self._below(path)

    def _below(self, directory: bytes) -> Iterator[bytes]:
        if not self._base:
            return
        found = self._storage.contents.look(self._base, directory)
        if found is None or not found[1].is_directory:
            return
        for name in self._storage.contents.names(self._base, directory):
            path = directory + b"/" + name
            yield path
            yield from self._below(path)

    def look(self, path: bytes) -> Version | None:
        """Return what the image shows at a path."""
        version = self._union.files.get(path)
        if version is not None:
            return version
        if not self._base or self._is_hidden(path):
            return None
        found = self._storage.contents.look(self._base, path)
        return Version(found[1], found[0]) if found else None

    def _is_hidden(self, path: bytes) -> bool:
        if path in self.hiding:
            return True
        while path := path.rpartition(b"/")[0]:
            if path in self.hiding or path in self._opaque:
                return True
        return False

    def digest(self, version: Version) -> str:
        """Return the digest of a regular file."""
        return digest_of(self._storage, self.image.chain_ids[version.layer], version.file.path)

    def read(self, version: Version) -> bytes:
        """Return the content of a regular file."""
        chain = self.image.chain_ids[version.layer]
        with os.fdopen(self._storage.contents.open(chain, version.file.path), "rb") as file:
            return file.read()


def compare(storage: StorageService, before: Image, after: Image) -> Difference:
    """Compare two images. [blocking]"""
    common = _common(before, after)
    old, new = _Side(storage, before, common), _Side(storage, after, common)
    paths = old.paths | new.paths
    paths.update(old.hidden_of_base(), new.hidden_of_base())
    files: list[FileDifference] = []
    packages = _PackageTable()
    for path in sorted(paths):
        was, is_now = old.look(path), new.look(path)
        difference = _compare_file(path, old, was, new, is_now)
        if difference is not None:
            files.append(difference)
            packages.note(path, old, was, new, is_now)
    return Difference(
        before_id=before.id,
        after_id=after.id,
        files=tuple(files),
        packages=packages.differences(),
        config=compare_configs(before.config, after.config),
        before_layers=layer_sizes(storage, before, common),
        after_layers=layer_sizes(storage, after, common),
    )


def _common(before: Image, after: Image) -> int:
    pairs = zip(before.chain_ids, after.chain_ids, strict=False)
    return next(
        (place for place, (old, new) in enumerate(pairs) if old != new),
        min(len(before.chain_ids), len(after.chain_ids)),
    )


def _compare_file(
    path: bytes, old: _Side, was: Version | None, new: _Side, is_now: Version | None
) -> FileDifference | None:
    if was is None or is_now is None:
        if was is is_now:
            return None
        return FileDifference(path=shown(path), before=_state(was), after=_state(is_now))
    changed, digests = _changes(old, was, new, is_now)
    if not changed:
        return None
    return FileDifference(
        path=shown(path),
        before=state_of(was, digests[0]),
        after=state_of(is_now, digests[1]),
        changed=changed,
    )


def _state(version: Version | None) -> FileState | None:
    return None if version is None else state_of(version)


def _changes(
    old: _Side, was: Version, new: _Side, is_now: Version
) -> tuple[tuple[str, ...], tuple[str, str]]:
    """Name what differs; the digests are there when both are regular files of unequal inodes."""
    before, after = was.status, is_now.status
    if (before.st_dev, before.st_ino) == (after.st_dev, after.st_ino):
        return (), ("", "")
    digests = ("", "")
    changed = []
    same_kind = stat.S_IFMT(before.st_mode) == stat.S_IFMT(after.st_mode)
    if not same_kind:
        changed.append("kind")
    if stat.S_IMODE(before.st_mode) != stat.S_IMODE(after.st_mode):
        changed.append("mode")
    if (before.st_uid, before.st_gid) != (after.st_uid, after.st_gid):
        changed.append("owner")
    if same_kind and stat.S_ISREG(before.st_mode):
        digests = (old.digest(was), new.digest(is_now))
        if before.st_size != after.st_size:
            changed.append("size")
        if digests[0] != digests[1]:
            changed.append("content")
    if same_kind and was.file.link != is_now.file.link:
        changed.append("link")
    if same_kind and before.st_rdev != after.st_rdev:
        changed.append("device")
    return tuple(changed), digests


class _PackageTable:
    """Packages named by files that differ, in each image."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], str] = {}
        self._after: dict[tuple[str, str], str] = {}

    def note(
        self, path: bytes, old: _Side, was: Version | None, new: _Side, is_now: Version | None
    ) -> None:
        """Read a file's packages in both images, if it is one that names any."""
        known = parser_of(path)
        if known is None:
            return
        kind, parse = known
        for side, version, table in ((old, was, self._before), (new, is_now, self._after)):
            if version is not None and _is_readable(version):
                packages: Packages = parse(side.read(version))
                table.update({(kind, name): found for name, found in packages.items()})

    def differences(self) -> tuple[PackageDifference, ...]:
        """Return the packages whose versions differ."""
        return tuple(
            PackageDifference(
                kind=kind,
                name=name,
                before=self._before.get((kind, name), ""),
                after=self._after.get((kind, name), ""),
            )
            for kind, name in sorted(self._before.keys() | self._after.keys())
            if self._before.get((kind, name)) != self._after.get((kind, name))
        )


def _is_readable(version: Version) -> bool:
    return stat.S_ISREG(version.status.st_mode) and not too_large(version.status.st_size)
