"""What an image's layers hide of each other, and what to do about it."""

import os
import stat
from collections.abc import Iterable

from boxship.engine.images.examine.report import Waste, WastedFile, WastefulLayer, WasteKind
from boxship.engine.images.examine.stack import (
    Hidden,
    Union,
    Version,
    commands,
    digest_of,
    shown,
)
from boxship.engine.images.image import Image
from boxship.engine.storage.service import StorageService

_CACHES = (
    (b"var/lib/apt/lists/", "apt's lists: rm -rf /var/lib/apt/lists/* in the same RUN"),
    (b"var/cache/apt/", "apt's archives: apt-get clean in the same RUN, or a cache mount"),
    (b"var/cache/apk/", "apk's cache: apk add --no-cache"),
    (b"var/cache/yum/", "yum's cache: yum clean all in the same RUN"),
    (b"var/cache/dnf/", "dnf's cache: dnf clean all in the same RUN"),
    (b"root/.cache/pip/", "pip's cache: pip install --no-cache-dir"),
    (b"root/.npm/", "npm's cache: npm cache clean --force in the same RUN, or a cache mount"),
    (b"root/.cache/go-build/", "Go's build cache: a cache mount, or a stage of its own"),
)
_BY_KIND = {
    WasteKind.REMOVED: "files of a lower layer are removed: remove them in the step that makes "
    "them, or make them in a build stage that is not kept",
    WasteKind.REPLACED: "files of a lower layer are written again: change them where they are "
    "made, or join the two steps",
    WasteKind.ATTRIBUTES: "files are kept twice with the same content, since only owner, mode or "
    "time changed: use COPY --chown and --chmod instead of RUN chown and chmod",
}


def find_waste(storage: StorageService, image: Image, *, min_size: int = 0) -> Waste:
    """Find files in layers that cannot be seen in the image. [blocking]

    min_size: leaves smaller files out of the lists; they count all the same.
    """
    union = Union()
    hidden = [
        list(union.apply(storage.contents.files(chain), place))
        for place, chain in enumerate(image.chain_ids)
    ]
    counted = {_inode(version) for version in union.files.values()}
    layers: list[WastefulLayer] = []
    for place, of_layer in enumerate(hidden):
        files = _wasted(storage, image, of_layer, counted)
        if files:
            layers.append(_wasteful(storage, image, place, files, min_size))
    return Waste(
        total=sum(storage.layer_size(chain) for chain in image.chain_ids),
        wasted=sum(layer.wasted for layer in layers),
        layers=tuple(sorted(layers, key=lambda layer: (-layer.wasted, layer.layer))),
        advice=tuple(_left_caches(union.files.values())),
    )


def _wasted(
    storage: StorageService,
    image: Image,
    hidden: Iterable[Hidden],
    counted: set[tuple[int, int]],
) -> list[WastedFile]:
    """counted: inodes that another name shows, or whose bytes were counted before."""
    files = []
    for one in hidden:
        version = one.version
        inode = _inode(version)
        if not stat.S_ISREG(version.status.st_mode) or inode in counted:
            continue
        counted.add(inode)
        kind, size = _kind(storage, image, one), version.status.st_size
        path = shown(version.file.path)
        files.append(WastedFile(path=path, kind=kind, size=size, layer=version.layer))
    return sorted(files, key=lambda file: (-file.size, file.path))


def _inode(version: Version) -> tuple[int, int]:
    return version.status.st_dev, version.status.st_ino


def _kind(storage: StorageService, image: Image, hidden: Hidden) -> WasteKind:
    if hidden.successor is None:
        return WasteKind.REMOVED
    old, new = hidden.version, hidden.successor
    same_size = stat.S_ISREG(new.status.st_mode) and new.status.st_size == old.status.st_size
    if same_size and _content(storage, image, old) == _content(storage, image, new):
        return WasteKind.ATTRIBUTES
    return WasteKind.REPLACED


def _content(storage: StorageService, image: Image, version: Version) -> str:
    return digest_of(storage, image.chain_ids[version.layer], version.file.path)


def _wasteful(
    storage: StorageService, image: Image, place: int, files: list[WastedFile], min_size: int
) -> WastefulLayer:
    blob = image.blobs[place]
    kinds = {file.kind for file in files if file.size}
    hints = [_BY_KIND[kind] for kind in WasteKind if kind in kinds]
    hints += _cache_hints(os.fsencode(file.path[1:]) for file in files)
    return WastefulLayer(
        layer=place,
        diff_id=blob.diff_id,
        created_by=commands(image)[place],
        size=storage.layer_size(blob.chain_id),
        wasted=sum(file.size for file in files),
        files=tuple(file for file in files if file.size >= min_size),
        advice=tuple(hints),
    )


def _cache_hints(paths: Iterable[bytes]) -> list[str]:
    found = list(paths)
    return [hint for prefix, hint in _CACHES if any(path.startswith(prefix) for path in found)]


def _left_caches(versions: Iterable[Version]) -> list[str]:
    """Caches that can be seen are no waste of layers, but nobody needs them."""
    regular = [one.file.path for one in versions if stat.S_ISREG(one.status.st_mode)]
    return [f"the image still holds {hint}" for hint in _cache_hints(regular)]
