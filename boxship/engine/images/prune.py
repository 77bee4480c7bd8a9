"""Removing the images that nothing needs."""

from collections.abc import Callable
from dataclasses import replace

from boxship.engine.events.service import EventService
from boxship.engine.images.catalog import Catalog
from boxship.engine.images.filters import PRUNE_KEYS, Filters, check_keys, flag, predicate
from boxship.engine.images.image import Image, PruneReport, Removed, unpacks
from boxship.engine.images.remove import Remover
from boxship.engine.state.database import Database
from boxship.errors import ConflictError


def prune(
    catalog: Catalog,
    remover: Remover,
    events: EventService,
    filters: Filters,
    layer_size: Callable[[str], int],
    abandoned: int,
) -> PruneReport:
    """Remove dangling images, or (``dangling=false``) all that no container uses.

    abandoned: bytes of what interrupted pulls have left, which go too. Raises
    InvalidParameterError.
    """
    report = remove_unused(catalog, remover, filters, layer_size)
    report = replace(report, space_reclaimed=report.space_reclaimed + abandoned)
    events.emit("image", "prune", "", {"reclaimed": str(report.space_reclaimed)})
    return report


def plan(
    database: Database,
    catalog: Catalog,
    remover: Remover,
    filters: Filters,
    layer_size: Callable[[str], int],
) -> PruneReport:
    """Return what ``prune`` would do: it is done, looked at, and taken back.

    remover: one that is ``planning``. Raises InvalidParameterError.
    """
    catalog.forget_all()
    try:
        with database.trial():
            return remove_unused(catalog, remover, filters, layer_size)
    finally:
        catalog.forget_all()


def remove_unused(
    catalog: Catalog, remover: Remover, filters: Filters, layer_size: Callable[[str], int]
) -> PruneReport:
    """Remove images as ``prune`` does, without an event of the whole."""
    check_keys(filters, PRUNE_KEYS)
    only_dangling = flag(filters, "dangling") is not False
    others = {key: values for key, values in filters.items() if key != "dangling"}
    passes = predicate(others, catalog)
    removed: list[Removed] = []
    sizes: dict[str, int] = {}
    for image in _childless_first(catalog):
        if catalog.store.row(image.id) is None:  # it went with the last image that was made from it
            continue
        row = catalog.row_of(image)
        if not passes(image) or any(remover.usage(one.id) for one in row):
            continue
        if only_dangling and image.repo_tags:
            continue
        if image.repo_tags or not catalog.store.children(image.id):
            unpacked = [one for one in row if unpacks(one.config)]
            sizes.update((chain, layer_size(chain)) for one in unpacked for chain in one.chain_ids)
            removed += _remove(remover, image)
    reclaimed = sum(sizes.get(record.deleted, 0) for record in removed)
    return PruneReport(tuple(removed), reclaimed)


def _childless_first(catalog: Catalog) -> list[Image]:
    """Return what the list of all images shows; variants go with the one that it shows."""
    parents, shown = catalog.store.parents(), catalog.store.shown()
    rows = [image for image in catalog.all() if image.is_dangling or image.id in shown]
    return sorted(rows, key=lambda image: image.id in parents)


def _remove(remover: Remover, image: Image) -> list[Removed]:
    names = [*image.repo_tags, *image.repo_digests] or [image.id]
    removed: list[Removed] = []
    for name in names:
        if any(record.untagged == name for record in removed):
            continue
        try:
            removed += remover.remove(name, force=False, prune=True)
        except ConflictError:
            break  # a container began to use it
    return removed
