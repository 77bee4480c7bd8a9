"""Lists of images, and what an image is made of."""

from collections import Counter
from collections.abc import Sequence

from boxship.engine.images.catalog import Catalog
from boxship.engine.images.filters import (
    LIST_KEYS,
    Filters,
    check_keys,
    flag,
    matches_reference,
    predicate,
)
from boxship.engine.images.image import HistoryItem, Image, ImageSummary
from boxship.engine.storage.service import StorageService
from boxship.errors import InvalidParameterError, NotFoundError
from boxship.oci.image import History
from boxship.units import parse_rfc3339

MISSING = "<missing>"


def list_images(
    catalog: Catalog,
    storage: StorageService,
    filters: Filters,
    *,
    intermediate: bool,
    variants: bool,
    shared_size: bool,
) -> list[ImageSummary]:
    """Return the images that pass the filters, newest first.

    intermediate: also those without a name from which another one was made. variants: also those
    of an index that its names do not show. Raises InvalidParameterError, NotFoundError.
    """
    check_keys(filters, LIST_KEYS)
    passes = predicate(filters, catalog)
    parents, shown = catalog.store.parents(), catalog.store.shown()
    patterns = filters.get("reference", ())
    images = catalog.all()
    counts = Counter(chain for image in images for chain in image.chain_ids)
    found = []
    for image in images:
        if not passes(image) or _is_hidden(image, parents, intermediate, filters):
            continue
        if not (variants or image.is_dangling or image.id in shown):
            continue
        summary = _summary(image, patterns)
        if patterns and not (summary.repo_tags or summary.repo_digests):
            continue
        found.append((image, summary))
    if not shared_size:
        return [summary for _, summary in found]
    return [_summary(image, patterns, _shared(image, counts, storage)) for image, _ in found]


def _is_hidden(image: Image, parents: set[str], intermediate: bool, filters: Filters) -> bool:
    if not image.is_dangling or image.id not in parents:
        return False
    return not intermediate or flag(filters, "dangling") is True


def _summary(image: Image, patterns: Sequence[str], shared_size: int = -1) -> ImageSummary:
    def shown(names: tuple[str, ...]) -> tuple[str, ...]:
        if not patterns:
            return names
        return tuple(name for name in names if matches_reference(patterns, name))

    return ImageSummary(
        id=image.id,
        parent=image.parent,
        repo_tags=shown(image.repo_tags),
        repo_digests=shown(image.repo_digests),
        created_at_ns=image.created_at_ns,
        size=image.size,
        labels=image.labels,
        manifest_digest=image.manifest_digest,
        manifest_media_type=image.manifest_media_type,
        shared_size=shared_size,
    )


def _shared(image: Image, counts: Counter[str], storage: StorageService) -> int:
    shared = (chain for chain in image.chain_ids if counts[chain] > 1)
    return sum(_layer_size(storage, chain) for chain in shared)


def _layer_size(storage: StorageService, chain_id: str) -> int:
    try:
        return storage.layer_size(chain_id)
    except NotFoundError:  # a power cut took it; it is unpacked anew at the next start
        return 0


def history(
    catalog: Catalog, storage: StorageService, text: str, platform: str = ""
) -> list[HistoryItem]:
    """Return an image's steps, newest first. Raises NotFoundError."""
    image = catalog.get(text, platform)
    sizes = iter([_layer_size(storage, chain) for chain in image.chain_ids])
    steps = image.config.history or [History() for _ in image.layers]
    items = [
        HistoryItem(
            id=MISSING,
            created_at_ns=_moment(step.created),
            created_by=step.created_by,
            tags=(),
            size=0 if step.empty_layer else next(sizes, 0),
            comment=step.comment,
        )
        for step in steps
    ]
    items.reverse()
    return _with_ids(catalog, image, items)


def _with_ids(catalog: Catalog, image: Image, items: list[HistoryItem]) -> list[HistoryItem]:
    """Name the steps that are images here: this one, and those it was made from."""
    ancestor: Image | None = image
    place = 0
    while ancestor is not None and place < len(items):
        step = items[place]
        items[place] = HistoryItem(
            id=ancestor.id,
            created_at_ns=step.created_at_ns,
            created_by=step.created_by,
            tags=ancestor.repo_tags,
            size=step.size,
            comment=step.comment,
        )
        parent = catalog.by_id(ancestor.parent) if ancestor.parent else None
        if parent is not None:
            place += max(1, len(ancestor.config.history) - len(parent.config.history))
        ancestor = parent
    return items


def _moment(created: str) -> int:
    try:
        return parse_rfc3339(created) if created else 0
    except InvalidParameterError:
        return 0
