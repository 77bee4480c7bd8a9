"""Making an image known: its row, its layers, its names and the events, in one transaction."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from boxship.engine.events.service import EventService
from boxship.engine.images.catalog import Catalog, familiar
from boxship.engine.images.image import Image, LayerBlob, unpacks
from boxship.engine.images.indexes import Variant
from boxship.engine.images.store import ImageRow, NameRow
from boxship.engine.state.database import Transaction
from boxship.engine.storage.service import StorageService
from boxship.errors import InternalError, InvalidParameterError
from boxship.oci.image import ImageConfig
from boxship.reference import Reference
from boxship.units import parse_rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImage:
    """An image whose documents, blobs and layers are all in the storage."""

    id: str
    config: ImageConfig
    manifest_digest: str
    manifest_media_type: str
    layers: tuple[LayerBlob, ...]
    parent: str = ""


class Registrar:
    """Writes images and their names into the state."""

    def __init__(
        self,
        events: EventService,
        catalog: Catalog,
        storage: StorageService,
    ) -> None:
        self._events = events
        self._catalog = catalog
        self._store = catalog.store
        self._storage = storage
        self.collect: Callable[[Sequence[str]], None] = lambda _: None
        """Told the digests of content that an index without a name needed."""

    def add(self, tx: Transaction, new: NewImage) -> None:
        """Store an image; one that exists is renewed and keeps its names."""
        size = sum(self._size(new.config, layer) for layer in new.layers)
        created_at_ns = created_at(new.config)
        row = ImageRow(
            id=new.id,
            manifest_digest=new.manifest_digest,
            manifest_media_type=new.manifest_media_type,
            created_at_ns=created_at_ns,
            size=size,
            parent=new.parent,
            tagged_at_ns=0,
        )
        self._store.insert(tx, row, new.layers)
        tx.on_commit(lambda: self._catalog.forget(new.id))

    def _size(self, config: ImageConfig, layer: LayerBlob) -> int:
        return self._storage.layer_size(layer.chain_id) if unpacks(config) else layer.size

    def add_variant(self, tx: Transaction, index: str, new: NewImage) -> bool:
        """Let an image be a variant of an index; False if it was one already.

        The index's names show the variant that is best for this host.
        """
        known = {variant.image_id for variant in self._store.indexes.variants(index)}
        self._store.indexes.add(tx, Variant(index, new.id, new.manifest_digest))
        self._catalog.forget(new.id)
        self._show_best(tx, index)
        return new.id not in known

    def _show_best(self, tx: Transaction, index: str, *, without: str = "") -> None:
        best = self._catalog.best(index, without=without)
        if best is not None:
            self._store.indexes.show(tx, index, best)
        self._forget_after(tx, *self._variants(index))

    def set_tag(
        self, tx: Transaction, reference: Reference, image_id: str, target: str = ""
    ) -> bool:
        """Let a tag lead to an image, or to the index ``target`` of which it is the best variant.

        False if it did already.
        """
        tag = reference.tag or ""
        before = self._store.named(reference.name, tag)
        if before == (image_id, target):
            return False
        row = NameRow(reference.name, tag, "", target)
        self._store.set_tag(tx, row, image_id, time.time_ns())
        self._forget_after(tx, image_id, *self._variants(target))
        if before is not None:
            self._forget_after(tx, before.image_id, *self._variants(before.target))
            self._drop_unnamed(tx, before.target)
        return True

    def set_digest(self, tx: Transaction, reference: Reference, image_id: str) -> bool:
        """Let ``name@digest`` lead to an image; False if it did already."""
        digest = reference.digest or ""
        before = self._store.by_digest(reference.name, digest)
        if before == image_id:
            return False
        self._store.set_digest(tx, reference.name, digest, image_id)
        self._forget_after(tx, image_id, before, *self._variants(digest))
        return True

    def remove_name(self, tx: Transaction, image_id: str, name: NameRow) -> str:
        """Remove a name; return it as people write it."""
        self._forget_after(tx, image_id, *self._variants(name.index_digest))
        self._store.remove_name(tx, name)
        self._drop_unnamed(tx, name.index_digest)
        return familiar(name)

    def _drop_unnamed(self, tx: Transaction, index: str) -> None:
        """An index lives as long as a name leads to it."""
        if index and not self._store.indexes.is_named(index):
            digests = [index, *self._store.indexes.parts(index)]
            self._store.indexes.drop(tx, index)
            tx.on_commit(lambda: self.collect(digests))

    def _variants(self, index: str) -> list[str]:
        return [variant.image_id for variant in self._store.indexes.variants(index)]

    def delete(self, tx: Transaction, image: Image) -> None:
        """Remove an image and its own names; its content and layers are for the reclaimer.

        Names that it has through an index show another variant then.
        """
        for index in self._store.indexes.of_image(image.id):
            self._show_best(tx, index, without=image.id)
        self._store.delete(tx, image.id)
        self._forget_after(tx, image.id)
        self.record(tx, "delete", image.id, image.id, image.labels)

    def record(
        self,
        tx: Transaction,
        action: str,
        image_id: str,
        name: str,
        labels: Mapping[str, str],
    ) -> None:
        """Record an event of an image, with its labels and its name as attributes."""
        self._events.record(tx, "image", action, image_id, {**labels, "name": name})

    def _forget_after(self, tx: Transaction, *image_ids: str | None) -> None:
        def forget(ids: Iterable[str | None] = image_ids) -> None:
            for image_id in ids:
                if image_id:
                    self._catalog.forget(image_id)

        tx.on_commit(forget)


def created_at(config: ImageConfig) -> int:
    """Return when an image was made, in nanoseconds; 0 if the configuration does not say."""
    try:
        return parse_rfc3339(config.created) if config.created else 0
    except InvalidParameterError:
        return 0


def layer_blobs(
    config: ImageConfig, chain_ids: tuple[str, ...], blobs: list[tuple[str, str, int]]
) -> tuple[LayerBlob, ...]:
    """Pair layers with their archives: digest, media type and size of each, lowest first.

    Raises InternalError where the numbers differ.
    """
    diff_ids = config.rootfs.diff_ids
    if len(diff_ids) != len(blobs):
        raise InternalError(
            f"layers from manifest don't match image configuration: the manifest lists "
            f"{len(blobs)} layers, the configuration {len(diff_ids)}"
        )
    return tuple(
        LayerBlob(diff_id=diff_id, chain_id=chain, digest=digest, media_type=kind, size=size)
        for diff_id, chain, (digest, kind, size) in zip(diff_ids, chain_ids, blobs, strict=True)
    )
