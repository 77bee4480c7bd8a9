"""Writing the documents of images that are made here: imported, committed, loaded without them."""

import hashlib

from boxship.engine.images.archive import Stored
from boxship.engine.images.image import LayerBlob
from boxship.engine.images.reclaim import Lease
from boxship.engine.images.resolve import store_document
from boxship.engine.images.workers import Workers
from boxship.engine.storage.content import ContentStore
from boxship.oci import image as image_document
from boxship.oci import manifest as manifests
from boxship.oci.descriptor import Descriptor
from boxship.oci.image import ImageConfig
from boxship.oci.manifest import Manifest
from boxship.oci.media_types import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD,
    OCI_MANIFEST,
)

_MAGICS = ((b"\x1f\x8b", OCI_LAYER_GZIP), (b"\x28\xb5\x2f\xfd", OCI_LAYER_ZSTD))


class Assembler:
    """Makes manifests and configurations and keeps them in the content store."""

    def __init__(self, content: ContentStore, workers: Workers) -> None:
        self._content = content
        self._workers = workers

    async def keep(self, data: bytes, lease: Lease) -> str:
        """Store a document and return its digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        await lease.hold([digest])
        await self._workers.run(lambda: store_document(self._content, digest, data))
        return digest

    async def config(self, config: ImageConfig, lease: Lease) -> Stored:
        """Store a configuration; its digest is the image's id."""
        data = image_document.encode(config)
        return Stored(await self.keep(data, lease), len(data))

    async def manifest(
        self, config: Stored, layers: tuple[LayerBlob, ...], lease: Lease
    ) -> tuple[str, str]:
        """Store an OCI manifest of a configuration and layers: digest and media type."""
        return await self.keep(manifest_bytes(config, layers), lease), OCI_MANIFEST


def manifest_bytes(config: Stored, layers: tuple[LayerBlob, ...]) -> bytes:
    """Return the OCI manifest of an image that is made here."""
    manifest = Manifest(
        schema_version=2,
        media_type=OCI_MANIFEST,
        config=Descriptor(media_type=OCI_CONFIG, digest=config.digest, size=config.size),
        layers=[
            Descriptor(media_type=layer.media_type, digest=layer.digest, size=layer.size)
            for layer in layers
        ],
    )
    return manifests.encode(manifest)


def layer_media_type(head: bytes) -> str:
    """Return the media type of a layer's archive that begins with ``head``."""
    return next((kind for magic, kind in _MAGICS if head.startswith(magic)), OCI_LAYER)
