"""What an index attests of its images: provenance, lists of packages (BuildKit's storage format).

An attestation is a manifest beside the image's in the same index; its layers are statements of
in-toto.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from boxship.engine.images.image import Image
from boxship.engine.images.manifests import ABOUT
from boxship.engine.images.resolve import is_attestation
from boxship.engine.storage.content import ContentStore
from boxship.errors import InternalError, NotFoundError
from boxship.oci import manifest as manifests
from boxship.oci.descriptor import Descriptor
from boxship.oci.document import MAX_DOCUMENT_SIZE
from boxship.oci.intoto import STATEMENT
from boxship.oci.manifest import Index, Manifest

PREDICATE_TYPE = "in-toto.io/predicate-type"
MAX_STATEMENT_SIZE = 16 * MAX_DOCUMENT_SIZE


@dataclass(frozen=True, slots=True)
class Attestation:
    """One statement about an image; ``statement`` is its JSON, empty unless it was asked for."""

    descriptor: Descriptor
    predicate_type: str
    statement: bytes = b""


def attestations(
    content: ContentStore, image: Image, types: Sequence[str], *, statements: bool
) -> list[Attestation]:
    """Return what is attested of an image, of the given predicate types or of all. [blocking]

    Raises NotFoundError for attestations that were not pulled with the image.
    """
    found: dict[str, Attestation] = {}
    for entry in _entries(content, image):
        manifest = manifests.decode(_read(content, entry.digest, image), entry.media_type)
        for layer in manifest.layers if isinstance(manifest, Manifest) else ():
            kind = layer.annotations.get(PREDICATE_TYPE, "")
            if layer.media_type == STATEMENT and (not types or kind in types):
                data = _statement(content, layer, image) if statements else b""
                found[layer.digest] = Attestation(layer, kind, data)
    return list(found.values())


def _entries(content: ContentStore, image: Image) -> Iterator[Descriptor]:
    for digest in image.indexes:
        if not content.has(digest):
            continue
        index = manifests.decode(content.read(digest))
        for entry in index.manifests if isinstance(index, Index) else ():
            if is_attestation(entry) and entry.annotations.get(ABOUT) == image.manifest_digest:
                yield entry


def _read(content: ContentStore, digest: str, image: Image) -> bytes:
    if not content.has(digest):
        raise NotFoundError(
            f"attestations of {image.id} are in its registry, but {digest} is not here: pull the "
            "whole index with --platform all"
        )
    return content.read(digest)


def _statement(content: ContentStore, layer: Descriptor, image: Image) -> bytes:
    if layer.size > MAX_STATEMENT_SIZE:
        raise InternalError(
            f"the statement {layer.digest} has {layer.size} bytes; at most {MAX_STATEMENT_SIZE} "
            "are shown"
        )
    return _read(content, layer.digest, image)
