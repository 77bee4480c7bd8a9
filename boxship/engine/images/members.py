"""An index with all that it lists, for sending it on as it came."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from boxship.engine.images.resolve import MAX_INDEX_DEPTH
from boxship.engine.storage.content import ContentStore
from boxship.errors import BoxshipError
from boxship.oci import manifest as manifests
from boxship.oci.descriptor import Descriptor
from boxship.oci.manifest import Index
from boxship.oci.media_types import INDEXES, is_foreign_layer


@dataclass(frozen=True, slots=True)
class Member:
    """A document of an index, or the index itself, and the blobs that it needs at its side."""

    media_type: str
    digest: str
    data: bytes
    blobs: tuple[Descriptor, ...]
    """Of a manifest; each once. An index needs other members instead."""


class _IncompleteError(Exception):
    """Something of the index is not here."""


def members(
    content: ContentStore, index_digest: str, only: Collection[str] | None = None
) -> list[Member] | None:
    """Return the members of an index, itself last; None where it is not whole here.

    only: digests of the manifests that are wanted; the index need not be whole then. Foreign
    layers that name URLs need not be here. The content is not changed. [blocking]
    """
    try:
        walk = _walk(content, index_digest, "", MAX_INDEX_DEPTH, only)
        found = {one.digest: one for one in walk}
    except (_IncompleteError, BoxshipError):
        return None
    return list(found.values())


def _walk(
    content: ContentStore,
    digest: str,
    media_type: str,
    depth: int,
    only: Collection[str] | None,
) -> Iterator[Member]:
    if not content.has(digest) or depth < 0:
        raise _IncompleteError
    data = content.read(digest)
    document = manifests.decode(data, media_type)
    kind = media_type or manifests.media_type_of(document)
    if isinstance(document, Index):
        for entry in document.manifests:
            if only is None or entry.media_type in INDEXES or entry.digest in only:
                yield from _walk(content, entry.digest, entry.media_type, depth - 1, only)
        yield Member(kind, digest, data, ())
        return
    blobs = {blob.digest: blob for blob in (document.config, *reversed(document.layers))}
    for blob in blobs.values():
        is_elsewhere = is_foreign_layer(blob.media_type) and blob.urls
        if not content.has(blob.digest) and not is_elsewhere:
            raise _IncompleteError
    yield Member(kind, digest, data, tuple(blobs.values()))
