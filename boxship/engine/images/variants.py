"""The variants of an index in an archive, as far as the archive has them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from boxship.engine.images.archive import Archive
from boxship.engine.images.resolve import (
    MAX_INDEX_DEPTH,
    MAX_VARIANTS,
    choose_entry,
    is_attestation,
    is_image,
)
from boxship.engine.images.save import blob_path
from boxship.errors import InvalidParameterError, NotFoundError
from boxship.oci import image as image_document
from boxship.oci import manifest as manifests
from boxship.oci.descriptor import Descriptor
from boxship.oci.manifest import Index, Manifest
from boxship.oci.media_types import INDEXES, is_foreign_layer
from boxship.oci.platform import Platform


@dataclass(slots=True)
class Found:
    """What an archive has of an index, or of a manifest that stands alone."""

    images: list[tuple[Descriptor, Manifest]] = field(default_factory=list)
    """Each with the entry that lists it."""
    parts: list[str] = field(default_factory=list)
    """Digests of attestations, their blobs, and nested indexes."""
    missing: list[Descriptor] = field(default_factory=list)
    """Entries of images whose content is not all in the archive."""

    def choose(self, wanted: Platform | None) -> tuple[Descriptor, Manifest]:
        """Return the image for a platform, or for this host. Raises NotFoundError."""
        if len(self.images) == 1 and not self.missing and not self.images[0][0].platform:
            return self.images[0]
        entry = choose_entry(Index(manifests=[entry for entry, _ in self.images]), wanted)
        return next(one for one in self.images if one[0] is entry)


def find_variants(archive: Archive, entry: Descriptor) -> Found:
    """Look up what an entry of index.json leads to. [blocking]

    What a part of an index lacks is left out: `docker save` writes indexes whole and only those
    variants that are there. Raises InvalidParameterError; NotFoundError without any image.
    """
    found = Found()
    if entry.media_type not in INDEXES:
        manifest = manifests.decode(blob_document(archive, entry), entry.media_type)
        if not isinstance(manifest, Manifest):
            raise InvalidParameterError("invalid archive: an index where a manifest should be")
        found.images.append((replace(entry, platform=None), manifest))
        return found
    _walk(archive, read_index(blob_document(archive, entry)), found, MAX_INDEX_DEPTH)
    if not found.images:
        raise NotFoundError(f"the archive has no image of the index {entry.digest} whole")
    return found


def _walk(archive: Archive, index: Index, found: Found, depth: int) -> None:
    if not depth:
        raise InvalidParameterError("invalid index: indexes nested too deeply")
    for entry in index.manifests:
        if blob_path(entry.digest) not in archive:
            found.missing.append(entry)
            continue
        document = manifests.decode(blob_document(archive, entry), entry.media_type)
        if isinstance(document, Index):
            found.parts.append(entry.digest)
            _walk(archive, document, found, depth - 1)
        else:
            _sort(archive, entry, document, found)


def _sort(archive: Archive, entry: Descriptor, manifest: Manifest, found: Found) -> None:
    is_part = is_attestation(entry) or not is_image(manifest)
    if any(blob_path(digest) not in archive for digest in _needed(manifest)):
        found.missing.append(entry)
    elif is_part:
        found.parts.extend((entry.digest, *_needed(manifest)))
    elif len(found.images) >= MAX_VARIANTS:
        raise InvalidParameterError(f"invalid index: more than {MAX_VARIANTS} images")
    else:
        found.images.append((_with_platform(archive, entry, manifest), manifest))


def _needed(manifest: Manifest) -> Iterator[str]:
    yield manifest.config.digest
    for layer in manifest.layers:
        if not (is_foreign_layer(layer.media_type) and layer.urls):
            yield layer.digest


def _with_platform(archive: Archive, entry: Descriptor, manifest: Manifest) -> Descriptor:
    """Return an entry with its platform, which its configuration tells where it does not."""
    if entry.platform:
        return entry
    config = image_document.decode(archive.document(blob_path(manifest.config.digest)))
    return replace(entry, platform=config.platform)


def read_index(data: bytes) -> Index:
    """Read an index. Raises InvalidParameterError."""
    index = manifests.decode(data)
    if not isinstance(index, Index):
        raise InvalidParameterError("invalid archive: index.json is no index")
    return index


def blob_document(archive: Archive, entry: Descriptor) -> bytes:
    """Return a document of the layout; that it has its digest is checked here. [blocking]"""
    archive.blob(blob_path(entry.digest))
    return archive.document(blob_path(entry.digest))
