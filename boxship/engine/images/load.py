"""Loading images from an archive that ``save`` or another tool wrote."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from boxship.engine.images.ahead import LayersAhead
from boxship.engine.images.archive import Archive, Stored, read_archive
from boxship.engine.images.assemble import Assembler, layer_media_type
from boxship.engine.images.catalog import Catalog
from boxship.engine.images.image import Image, LayerBlob, Progress, ProgressSink, unpacks
from boxship.engine.images.layout import Bundle, Listed, list_images
from boxship.engine.images.reclaim import Lease, Reclaimer
from boxship.engine.images.registration import NewImage, Registrar, layer_blobs
from boxship.engine.images.save import blob_path
from boxship.engine.images.streams import consume
from boxship.engine.images.unpacking import Unpacker
from boxship.engine.images.workers import Workers
from boxship.engine.state.database import Database, Transaction
from boxship.engine.storage.content import ContentStore
from boxship.engine.storage.growth import Growth
from boxship.errors import InternalError, InvalidParameterError
from boxship.ids import short_id
from boxship.oci import image as image_document
from boxship.oci.image import chain_ids
from boxship.oci.media_types import is_foreign_layer
from boxship.oci.platform import Platform, parse_platform, rank
from boxship.reference import Reference


class Loader:
    """Brings images here from archives."""

    def __init__(
        self,
        *,
        database: Database,
        content: ContentStore,
        catalog: Catalog,
        registrar: Registrar,
        reclaimer: Reclaimer,
        unpacker: Unpacker,
        assembler: Assembler,
        workers: Workers,
    ) -> None:
        self._database = database
        self._content = content
        self._catalog = catalog
        self._registrar = registrar
        self._reclaimer = reclaimer
        self._unpacker = unpacker
        self._assembler = assembler
        self._workers = workers

    async def load(
        self,
        source: AsyncIterator[bytes],
        *,
        platform: str = "",
        quiet: bool,
        progress: ProgressSink,
    ) -> list[Image]:
        """Load every image of an archive, plain or compressed; return what its names show.

        platform: of an index load this variant alone instead of all that the archive has. An
        image, and an index, is stored whole or not at all; those before a broken one stay. Raises
        InvalidParameterError for what is no archive of images, and storage's errors.
        """
        wanted = parse_platform(platform) if platform else None
        shown = _without_bars(progress) if quiet else progress
        loop = asyncio.get_running_loop()
        async with self._reclaimer.lease() as lease:

            def hold(digest: str) -> None:
                asyncio.run_coroutine_threadsafe(lease.hold([digest]), loop).result()

            def read(archive: Archive) -> list[Bundle]:
                return list_images(archive, wanted)

            async with LayersAhead(self._unpacker).open() as ahead:

                def arriving(path: str, growth: Growth) -> None:
                    loop.call_soon_threadsafe(ahead.begin, path, growth)

                watcher = arriving if self._unpacker.unpacks_ahead else None
                archive = await consume(
                    self._workers,
                    source,
                    lambda chunks: read_archive(chunks, self._content, hold, watcher),
                )
                listed = await self._workers.run(lambda: read(archive))
                return [
                    await self._load_one(archive, one, lease, wanted, ahead, shown)
                    for one in listed
                ]

    async def _load_one(
        self,
        archive: Archive,
        bundle: Bundle,
        lease: Lease,
        wanted: Platform | None,
        ahead: LayersAhead,
        progress: ProgressSink,
    ) -> Image:
        await lease.hold([digest for digest in (bundle.index, *bundle.parts) if digest])
        arrived = [
            await self._arrive(archive, one, lease, wanted, ahead, progress)
            for one in bundle.images
        ]
        shown = self._register(bundle, arrived, progress)
        image = self._catalog.by_id(shown)
        if image is None:
            raise InternalError(f"image {shown} was removed while it was loaded")
        return image

    async def _arrive(
        self,
        archive: Archive,
        listed: Listed,
        lease: Lease,
        wanted: Platform | None,
        ahead: LayersAhead,
        progress: ProgressSink,
    ) -> NewImage:
        """Bring the content and the layers of one image here."""
        config_blob, blobs = await self._workers.run(lambda: _blobs(archive, listed))
        config = image_document.decode(archive.document(listed.config))
        if wanted and rank(config.platform, wanted) is None:
            raise InvalidParameterError(
                f"the archive has no image for {wanted.text}, only for {config.platform.text}"
            )
        layers = layer_blobs(config, chain_ids(config.rootfs.diff_ids), blobs)
        await lease.hold(chains=[layer.chain_id for layer in layers])
        if unpacks(config):
            paths = [archive.resolve(path) for path in listed.layers]
            await self._unpack(layers, paths, ahead, progress)
        manifest_digest, media_type = await self._manifest(listed, config_blob, layers, lease)
        return NewImage(
            id=config_blob.digest,
            config=config,
            manifest_digest=manifest_digest,
            manifest_media_type=media_type,
            layers=layers,
        )

    async def _unpack(
        self,
        layers: tuple[LayerBlob, ...],
        paths: list[str],
        ahead: LayersAhead,
        progress: ProgressSink,
    ) -> None:
        """Unpack layers from the lowest up, or place those that were unpacked on the way."""
        parent = None
        for layer, path in zip(layers, paths, strict=True):
            report = _loading(layer, progress)
            is_new = await ahead.place(path, layer, parent, report)
            if not is_new:
                is_new = await self._unpacker.unpack(layer, parent, report)
            if is_new:
                report(layer.size)
            parent = layer.chain_id

    async def _manifest(
        self,
        listed: Listed,
        config_blob: Stored,
        layers: tuple[LayerBlob, ...],
        lease: Lease,
    ) -> tuple[str, str]:
        if not listed.digest:
            return await self._assembler.manifest(config_blob, layers, lease)
        await lease.hold([listed.digest])
        return listed.digest, listed.media_type

    def _register(self, bundle: Bundle, arrived: Sequence[NewImage], progress: ProgressSink) -> str:
        """Store images and their names; return the id of the image that the names show."""
        with self._database.transaction() as tx:
            for new in arrived:
                self._registrar.add(tx, new)
                if bundle.index:
                    self._registrar.add_variant(tx, bundle.index, new)
            for part in bundle.parts:
                self._catalog.store.indexes.add_part(tx, bundle.index, part)
            shown = (self._catalog.best(bundle.index) if bundle.index else None) or arrived[0].id
            lines = [
                line
                for reference in bundle.references
                for line in self._name(tx, reference, shown, bundle.index)
            ]
            labels = next((n.config.config.labels for n in arrived if n.id == shown), {})
            self._registrar.record(tx, "load", shown, shown, labels)
        for line in lines or [f"Loaded image ID: {shown}\n"]:
            progress(Progress(stream=line))
        return shown

    def _name(
        self, tx: Transaction, reference: Reference, image_id: str, index: str
    ) -> Iterator[str]:
        """Let a name lead to what was loaded; yield what Docker says then."""
        before = self._catalog.store.by_tag(reference.name, reference.tag or "")
        moved = self._registrar.set_tag(tx, reference, image_id, index)
        if moved and before and before != image_id:
            yield (
                f"The image {reference.familiar} already exists, renaming the old one "
                f"with ID {before} to empty string\n"
            )
        yield f"Loaded image: {reference.familiar}\n"


def _loading(layer: LayerBlob, progress: ProgressSink) -> Callable[[int], None]:
    key = short_id(layer.diff_id)
    return lambda current: progress(
        Progress(id=key, status="Loading layer", current=current, total=layer.size)
    )


def _without_bars(progress: ProgressSink) -> ProgressSink:
    def show(message: Progress) -> None:
        if not message.total:
            progress(message)

    return show


def _blobs(archive: Archive, listed: Listed) -> tuple[Stored, list[tuple[str, str, int]]]:
    """Bring an image's configuration and layers into the content store. [blocking]"""
    config = archive.blob(listed.config)
    known = {
        blob_path(layer.digest): layer
        for layer in (listed.manifest.layers if listed.manifest else ())
    }
    blobs = []
    for path in listed.layers:
        layer = known.get(path)
        if path not in archive and layer and is_foreign_layer(layer.media_type):
            blobs.append((layer.digest, layer.media_type, layer.size))
            continue
        stored = archive.blob(path)
        kind = layer.media_type if layer else layer_media_type(archive.head(path))
        blobs.append((stored.digest, kind, stored.size))
    return config, blobs
