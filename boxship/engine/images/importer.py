"""Images made here out of one archive: an imported root filesystem, a committed container."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from msgspec.structs import replace

from boxship.engine.images.archive import Stored
from boxship.engine.images.assemble import Assembler
from boxship.engine.images.catalog import Catalog
from boxship.engine.images.changes import apply_changes
from boxship.engine.images.image import Image, LayerBlob
from boxship.engine.images.keeping import keep_layer
from boxship.engine.images.reclaim import Lease, Reclaimer
from boxship.engine.images.registration import NewImage, Registrar
from boxship.engine.images.streams import consume
from boxship.engine.images.workers import Workers
from boxship.engine.state.database import Database, Transaction
from boxship.engine.storage.service import CapturedLayer, StorageService
from boxship.errors import InternalError
from boxship.oci.image import ExecutionConfig, History, ImageConfig, OriginConfig, RootFs
from boxship.oci.media_types import OCI_LAYER
from boxship.oci.platform import Platform, host_platform, parse_platform
from boxship.reference import Reference
from boxship.units import format_timestamp_ns

RecordCommit = Callable[[Transaction, str, str], None]
"""Takes a transaction, an image's id and its name, empty for none."""


def record_nothing(_tx: Transaction, _image_id: str, _name: str) -> None:
    """Stand for a commit of which nobody keeps a record."""


class Importer:
    """Turns archives into images."""

    def __init__(
        self,
        *,
        database: Database,
        storage: StorageService,
        catalog: Catalog,
        registrar: Registrar,
        reclaimer: Reclaimer,
        assembler: Assembler,
        workers: Workers,
    ) -> None:
        self._database = database
        self._storage = storage
        self._catalog = catalog
        self._registrar = registrar
        self._reclaimer = reclaimer
        self._assembler = assembler
        self._workers = workers

    async def import_(
        self,
        source: AsyncIterator[bytes],
        target: Reference | None,
        *,
        message: str,
        changes: Sequence[str],
        platform: str,
        origin: str = "-",
    ) -> Image:
        """Make an image of one layer out of a root filesystem's tar, plain or compressed.

        origin: where it comes from, for the history. Raises InvalidParameterError for bad changes
        or platforms, and storage's errors.
        """
        execution = apply_changes(ExecutionConfig(), changes)
        wanted = parse_platform(platform) if platform else host_platform()
        async with self._reclaimer.lease() as lease:
            layer = await consume(
                self._workers, source, lambda chunks: keep_layer(self._storage, chunks, None)
            )
            await lease.hold([layer.digest], [layer.chain_id])
            created = format_timestamp_ns(time.time_ns())
            history = History(created=created, comment=message or f"Imported from {origin}")
            config = _document(wanted, execution, (layer,), [history], created)
            return await self._finish(
                config, (layer,), lease, self._named(target, "import"), parent=""
            )

    async def commit(
        self,
        take: Callable[[], CapturedLayer | None],
        base: Image | None,
        execution: ExecutionConfig,
        target: Reference | None,
        *,
        author: str,
        comment: str,
        created_by: str,
        container: str,
        container_config: OriginConfig | None,
        during: AbstractAsyncContextManager[None],
        record: RecordCommit,
    ) -> Image:
        """Make an image of a base and a container's changes.

        take: makes the changes a layer on the base, none where there are no changes; called in a
        thread. execution: the complete configuration of the new image. base: None for a container
        without an image.
        container, container_config: what the document says of its origin.
        during: entered while the changes are read. record: becomes part of the transaction that
        makes the image known, and gets its id and its name; what it raises takes the image back.
        """
        below = base.blobs if base else ()
        async with self._reclaimer.lease() as lease:
            await lease.hold([blob.digest for blob in below], [blob.chain_id for blob in below])
            async with during:
                captured = await self._workers.run(take)
            added = (_layer_without_blob(captured),) if captured else ()
            for layer in added:
                await lease.hold([layer.digest], [layer.chain_id])
            layers = (*below, *added)
            created = format_timestamp_ns(time.time_ns())
            step = History(
                created=created,
                created_by=created_by,
                author=author,
                comment=comment,
                empty_layer=not added,
            )
            earlier = base.config.history if base else []
            platform = base.config.platform if base else host_platform()
            config = _document(platform, execution, layers, [*earlier, step], created)
            config = replace(
                config,
                author=author,
                comment=comment,
                container=container,
                container_config=container_config,
            )
            named = self._named(target, "")

            def record_all(tx: Transaction, new: NewImage) -> None:
                named(tx, new)
                record(tx, new.id, target.familiar if target else "")

            parent_id = base.id if base else ""
            return await self._finish(config, layers, lease, record_all, parent=parent_id)

    async def _finish(
        self,
        config: ImageConfig,
        layers: tuple[LayerBlob, ...],
        lease: Lease,
        record: Callable[[Transaction, NewImage], None],
        *,
        parent: str,
    ) -> Image:
        stored: Stored = await self._assembler.config(config, lease)
        manifest_digest, media_type = await self._assembler.manifest(stored, layers, lease)
        new = NewImage(
            id=stored.digest,
            config=config,
            manifest_digest=manifest_digest,
            manifest_media_type=media_type,
            layers=layers,
            parent=parent,
        )
        with self._database.transaction() as tx:
            self._registrar.add(tx, new)
            record(tx, new)
        image = self._catalog.by_id(new.id)
        if image is None:
            raise InternalError(f"image {new.id} was removed while it was made")
        return image

    def _named(
        self, target: Reference | None, action: str
    ) -> Callable[[Transaction, NewImage], None]:
        def record(tx: Transaction, new: NewImage) -> None:
            labels = new.config.config.labels
            if target is not None:
                self._registrar.set_tag(tx, target, new.id)
                self._registrar.record(tx, "tag", new.id, target.familiar, labels)
            if action:
                self._registrar.record(tx, action, new.id, new.id, labels)

        return record


def _layer_without_blob(captured: CapturedLayer) -> LayerBlob:
    """Describe a layer whose archive is packed whenever it is asked for."""
    return LayerBlob(
        diff_id=captured.info.diff_id,
        chain_id=captured.info.chain_id,
        digest=captured.info.diff_id,
        media_type=OCI_LAYER,
        size=captured.archive_size,
    )


def _document(
    platform: Platform,
    execution: ExecutionConfig,
    layers: tuple[LayerBlob, ...],
    history: list[History],
    created: str,
) -> ImageConfig:
    return ImageConfig(
        created=created,
        architecture=platform.architecture,
        variant=platform.variant,
        os=platform.os,
        config=execution,
        rootfs=RootFs(diff_ids=[layer.diff_id for layer in layers]),
        history=history,
    )
