"""What a name leads to, manifest by manifest: variants that are here and others, attestations."""

from collections.abc import Callable, Iterator, Sequence

from boxship.engine.images.catalog import Catalog
from boxship.engine.images.image import ContainerUse, Image, ManifestSummary, unpacks
from boxship.engine.images.resolve import MAX_INDEX_DEPTH, is_attestation
from boxship.engine.storage.content import ContentStore
from boxship.errors import BoxshipError
from boxship.oci import manifest as manifest_documents
from boxship.oci.descriptor import Descriptor
from boxship.oci.manifest import Index, Manifest
from boxship.oci.media_types import INDEXES

ABOUT = "vnd.docker.reference.digest"
"""Annotation of an attestation: the manifest that it is about (BuildKit)."""


class ManifestReader:
    """Reads what the content store holds of an image's index or manifest."""

    def __init__(
        self,
        catalog: Catalog,
        content: ContentStore,
        usage: Callable[[str], Sequence[ContainerUse]],
    ) -> None:
        self._catalog = catalog
        self._content = content
        self._usage = usage

    def target(self, image: Image) -> str:
        """Return the digest of what an image's row stands for: its index or its manifest."""
        best = (index for index in image.indexes if self._catalog.best(index) == image.id)
        return next(best, image.manifest_digest)

    def descriptor(self, digest: str, image: Image) -> Descriptor:
        """Describe an image's index or manifest."""
        data = self._content.read(digest)
        kind = image.manifest_media_type
        if digest != image.manifest_digest:
            kind = manifest_documents.media_type_of(manifest_documents.decode(data))
        return Descriptor(media_type=kind, digest=digest, size=len(data))

    def summaries(self, digest: str, image: Image) -> list[ManifestSummary]:
        """Return all manifests below an index, in its order, or a single manifest."""
        here = {
            variant.manifest_digest: self._catalog.by_id(variant.image_id)
            for variant in self._catalog.store.indexes.variants(digest)
        }
        if digest == image.manifest_digest:
            here[digest] = image
        entries = self._entries(self.descriptor(digest, image), MAX_INDEX_DEPTH)
        return [self._summary(entry, here.get(entry.digest)) for entry in entries]

    def _entries(self, entry: Descriptor, depth: int) -> Iterator[Descriptor]:
        if entry.media_type not in INDEXES:
            yield entry
            return
        index = self._document(entry)
        if isinstance(index, Index) and depth:
            for member in index.manifests:
                yield from self._entries(member, depth - 1)

    def _document(self, entry: Descriptor) -> Manifest | Index | None:
        """Return a document, None where it is not here or makes no sense."""
        if not self._content.has(entry.digest):
            return None
        try:
            return manifest_documents.decode(self._content.read(entry.digest), entry.media_type)
        except BoxshipError:
            return None

    def _summary(self, entry: Descriptor, image: Image | None) -> ManifestSummary:
        document = self._document(entry)
        blobs = [document.config, *document.layers] if isinstance(document, Manifest) else []
        present = [blob for blob in blobs if self._content.has(blob.digest)]
        content_size = sum(blob.size for blob in present) + (entry.size if document else 0)
        available = document is not None and len(present) == len(blobs)
        if is_attestation(entry):
            return ManifestSummary(
                descriptor=entry,
                available=available,
                kind="attestation",
                content_size=content_size,
                about=entry.annotations.get(ABOUT, ""),
            )
        platform = entry.platform or (image.config.platform if image else None)
        return ManifestSummary(
            descriptor=entry,
            available=available and image is not None,
            kind="image" if platform else "unknown",
            content_size=content_size,
            unpacked_size=image.size if image and unpacks(image.config) else 0,
            platform=platform,
            containers=tuple(use.id for use in self._usage(image.id)) if image else (),
        )
