"""Images that are made here of layers and a configuration that somebody else has thought out."""

from collections.abc import Callable, Iterator, Sequence

from boxship.engine.images.assemble import Assembler
from boxship.engine.images.catalog import Catalog
from boxship.engine.images.image import Image, LayerBlob
from boxship.engine.images.keeping import keep_layer
from boxship.engine.images.reclaim import Lease
from boxship.engine.images.registration import NewImage, Registrar
from boxship.engine.images.workers import Workers
from boxship.engine.state.database import Database
from boxship.engine.storage.service import StorageService
from boxship.errors import InternalError
from boxship.oci import manifest as manifests
from boxship.oci.descriptor import Descriptor
from boxship.oci.image import ImageConfig
from boxship.oci.manifest import Index
from boxship.oci.media_types import OCI_INDEX
from boxship.reference import Reference


class ImageMaker:
    """Stores layers and registers images. The same input always gives the same image."""

    def __init__(
        self,
        *,
        database: Database,
        storage: StorageService,
        catalog: Catalog,
        registrar: Registrar,
        assembler: Assembler,
        workers: Workers,
    ) -> None:
        self._database = database
        self._storage = storage
        self._catalog = catalog
        self._registrar = registrar
        self._assembler = assembler
        self._workers = workers

    async def add_layer(
        self, open_tar: Callable[[], Iterator[bytes]], parent: str | None, lease: Lease
    ) -> LayerBlob:
        """Keep an uncompressed layer archive and unpack it. Raises storage's errors.

        open_tar: called and read in a worker thread.
        """
        layer = await self._workers.run(lambda: keep_layer(self._storage, open_tar(), parent))
        await lease.hold([layer.digest], [layer.chain_id])
        return layer

    async def finish(
        self,
        config: ImageConfig,
        layers: tuple[LayerBlob, ...],
        target: Reference | None,
        action: str,
        lease: Lease,
    ) -> Image:
        """Make an image known, with its name, and record the event ``action``."""
        stored = await self._assembler.config(config, lease)
        manifest_digest, media_type = await self._assembler.manifest(stored, layers, lease)
        new = NewImage(
            id=stored.digest,
            config=config,
            manifest_digest=manifest_digest,
            manifest_media_type=media_type,
            layers=layers,
        )
        labels = config.config.labels
        with self._database.transaction() as tx:
            self._registrar.add(tx, new)
            self._registrar.record(tx, action, new.id, new.id, labels)
            if target is not None:
                self._registrar.set_tag(tx, target, new.id)
                self._registrar.record(tx, "tag", new.id, target.familiar, labels)
        image = self._catalog.by_id(new.id)
        if image is None:
            raise InternalError(f"image {new.id} was removed while it was made")
        return image

    async def index(self, images: Sequence[Image], target: Reference, lease: Lease) -> str:
        """Join images for several platforms in an index under one name; return its digest."""
        index = Index(
            schema_version=2,
            media_type=OCI_INDEX,
            manifests=[self._entry(image) for image in images],
        )
        digest = await self._assembler.keep(manifests.encode(index), lease)
        with self._database.transaction() as tx:
            for image in images:
                self._registrar.add_variant(tx, digest, _as_new(image))
            best = self._catalog.best(digest) or images[0].id
            self._registrar.set_tag(tx, target, best, digest)
            self._registrar.record(tx, "tag", best, target.familiar, {})
        return digest

    def _entry(self, image: Image) -> Descriptor:
        return Descriptor(
            media_type=image.manifest_media_type,
            digest=image.manifest_digest,
            size=len(self._storage.content.read(image.manifest_digest)),
            platform=image.config.platform,
        )


def _as_new(image: Image) -> NewImage:
    return NewImage(
        id=image.id,
        config=image.config,
        manifest_digest=image.manifest_digest,
        manifest_media_type=image.manifest_media_type,
        layers=image.blobs,
    )
