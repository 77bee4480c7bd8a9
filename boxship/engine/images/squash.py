"""Merging the upper layers of an image into one. The same input always gives the same image."""

import os
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from boxship.engine.images.catalog import Catalog
from boxship.engine.images.examine.stack import Union, Version
from boxship.engine.images.image import Image, LayerBlob
from boxship.engine.storage.layers.names import OPAQUE_MARK, WHITEOUT_PREFIX
from boxship.engine.storage.layers.pack import Packer, gather, removal_mark
from boxship.engine.storage.layers.walk import Node
from boxship.engine.storage.layers.writer import encode_header
from boxship.engine.storage.service import StorageService
from boxship.engine.storage.snapshots.contents import LayerFile
from boxship.errors import BoxshipError, InvalidParameterError, NotFoundError
from boxship.oci.image import History, ImageConfig, RootFs

_LEAST_PREFIX = 6
"""Digits of a layer's digest that one must give at least."""


def layers_below(catalog: Catalog, image: Image, base: str) -> int:
    """Return how many of the lowest layers stay.

    base: that number, an image that this one was built on, or the digest (its beginning is
    enough) of the topmost layer that stays. Raises NotFoundError, InvalidParameterError.
    """
    count = len(image.blobs)
    kept = int(base) if base.isdecimal() and len(base) < 4 else _named_base(catalog, image, base)
    if kept > count:
        raise InvalidParameterError(f"the image has {count} layers: {kept} of them cannot stay")
    if kept == count:
        raise InvalidParameterError(
            f"nothing to squash: there is no layer above {base}; the image has {count} layers"
        )
    return kept


def _named_base(catalog: Catalog, image: Image, base: str) -> int:
    found = _find(catalog, base)
    if found is not None:
        below = len(found.chain_ids)
        if image.chain_ids[:below] != found.chain_ids:
            raise InvalidParameterError(
                f"the image was not built on {base}: their lowest layers are not the same"
            )
        return below
    wanted = base.removeprefix("sha256:")
    places = [
        place
        for place, blob in enumerate(image.blobs)
        if len(wanted) >= _LEAST_PREFIX and blob.diff_id.removeprefix("sha256:").startswith(wanted)
    ]
    if not places:
        raise NotFoundError(
            f"no base {base}: give the number of layers that stay, an image, or the digest of a "
            "layer (image inspect shows them under RootFS)"
        )
    return places[-1] + 1


def _find(catalog: Catalog, text: str) -> Image | None:
    try:
        return catalog.find(text)
    except BoxshipError:
        return None


def merged_layer(storage: StorageService, image: Image, kept: int) -> Iterator[bytes]:
    """Yield the archive that does what all layers above the lowest ``kept`` do. [blocking]"""
    merge = _Merge(storage, image, kept)
    return gather(merge.pieces())


class _Merge:
    def __init__(self, storage: StorageService, image: Image, kept: int) -> None:
        self._storage = storage
        self._chains = image.chain_ids
        self._base = image.chain_ids[:kept]
        self._union = Union()
        self._hidden: set[bytes] = set()
        self._opaque: set[bytes] = set()
        for place in range(kept, len(image.chain_ids)):
            for _ in self._union.apply(self._noted(image.chain_ids[place]), place):
                pass

    def _noted(self, chain_id: str) -> Iterator[LayerFile]:
        for file in self._storage.contents.files(chain_id):
            if file.status is None or not file.is_directory:
                self._hidden.add(file.path)
            elif file.opaque:
                self._opaque.add(file.path)
            yield file

    def pieces(self) -> Iterator[bytes]:
        """Yield the members, sorted by path, removals among them."""
        packer = Packer()
        root = self._storage.contents.open_directory(self._chains[-1], b"")
        try:
            yield from packer.pack(Node(root, b"", b"", os.fstat(root)))
        finally:
            os.close(root)
        for path in sorted(self._union.files.keys() | self._hidden):
            version = self._union.files.get(path)
            if version is None:
                if self._is_in_base(path):
                    yield _mark(
                        path.rpartition(b"/")[0], WHITEOUT_PREFIX + path.rpartition(b"/")[2]
                    )
                continue
            yield from self._member(packer, path, version)

    def _member(self, packer: Packer, path: bytes, version: Version) -> Iterator[bytes]:
        parent, _, name = path.rpartition(b"/")
        directory = self._storage.contents.open_directory(self._chains[version.layer], parent)
        try:
            yield from packer.pack(Node(directory, parent, name, version.status))
        finally:
            os.close(directory)
        covers = path in self._hidden or path in self._opaque
        if covers and version.file.is_directory and self._is_in_base(path):
            yield _mark(path, OPAQUE_MARK)

    def _is_in_base(self, path: bytes) -> bool:
        return bool(self._base) and self._storage.contents.look(self._base, path) is not None


def _mark(directory: bytes, name: bytes) -> bytes:
    return encode_header(removal_mark(directory, name))


def squashed_config(image: Image, kept: int, layers: Sequence[LayerBlob]) -> ImageConfig:
    """Return the configuration of a squashed image: as it was, all steps in the history.

    The merged steps stay as such that change no files; one more stands for their layer. Times are
    those of the image, so that the result does not depend on when it is made.
    """
    config = image.config
    history: list[History] = []
    place = 0
    for step in config.history:
        is_merged = not step.empty_layer and place >= kept
        place += not step.empty_layer
        history.append(replace(step, empty_layer=True) if is_merged else step)
    merged = len(image.blobs) - kept
    history.append(
        History(
            created=config.created,
            created_by=f"squash {merged} layers above {kept}",
            comment=f"merge of {image.id}",
        )
    )
    if sum(not step.empty_layer for step in history) != len(layers):
        history = history[-1:] if len(layers) == 1 else []  # it did not fit the layers before
    return replace(
        config,
        rootfs=RootFs(diff_ids=[layer.diff_id for layer in layers]),
        history=history,
    )
