"""Making an image that was made here fit for a registry: its layers compressed, its manifest final.

Images from outside are never touched: what was pulled is pushed byte for byte.
"""

import asyncio
import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from weakref import WeakValueDictionary

from boxship.engine.images.archive import Stored
from boxship.engine.images.assemble import Assembler, manifest_bytes
from boxship.engine.images.catalog import Catalog
from boxship.engine.images.image import Image, LayerBlob
from boxship.engine.images.reclaim import Lease, Reclaimer
from boxship.engine.images.registration import NewImage, Registrar
from boxship.engine.images.unpacking import wait_for_thread
from boxship.engine.images.workers import Workers
from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.state.database import Database
from boxship.engine.storage.layers.compress import compress
from boxship.engine.storage.service import StorageService
from boxship.errors import InternalError
from boxship.oci.media_types import DOCKER_LAYER, OCI_LAYER, OCI_LAYER_GZIP

LAYERS_AT_ONCE = 2
_PLAIN = frozenset({OCI_LAYER, DOCKER_LAYER})

Report = Callable[[LayerBlob, int], None]
"""Told a layer and how many bytes of its uncompressed archive are done, in any thread."""
Leave = Callable[[LayerBlob], None]
"""Told a layer that is ready to go, in the event loop's thread."""


class Outgoing:
    """Prepares images for their first push."""

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
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._slots = asyncio.Semaphore(LAYERS_AT_ONCE)
        self._threads = ThreadPoolExecutor(
            len(os.sched_getaffinity(0)), thread_name_prefix="compress"
        )

    def close(self) -> None:
        """Compress no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def prepare(self, image: Image, lease: Lease, report: Report, leave: Leave) -> Image:
        """Return the image as it goes out: itself, or renewed with compressed layers.

        leave: told each layer as soon as it is compressed. A renewed image is the image from then
        on. Raises storage's errors.
        """
        if not self._is_unfinished(image):
            return image
        async with self._locks.setdefault(image.id, asyncio.Lock()):
            current = self._catalog.by_id(image.id) or image
            if not self._is_unfinished(current):
                return current
            layers = await self._compressed(current, lease, report, leave)
            return await self._renew(current, layers, lease)

    def _is_unfinished(self, image: Image) -> bool:
        """Tell whether an image was made here and has layers that no registry should get."""
        if image.repo_digests or all(self._is_ready(layer) for layer in image.blobs):
            return False
        content = self._storage.content
        if not image.manifest_digest or not content.has(image.manifest_digest):
            return True
        config = Stored(image.id, content.size(image.id))
        return content.read(image.manifest_digest) == manifest_bytes(config, image.blobs)

    def _is_ready(self, layer: LayerBlob) -> bool:
        return layer.media_type not in _PLAIN and self._storage.content.has(layer.digest)

    async def _compressed(
        self, image: Image, lease: Lease, report: Report, leave: Leave
    ) -> tuple[LayerBlob, ...]:
        done: dict[str, asyncio.Task[LayerBlob]] = {}
        async with asyncio.TaskGroup() as group:
            for layer in image.blobs:
                if layer.diff_id not in done:
                    work = self._compress(layer, lease, report, leave)
                    done[layer.diff_id] = group.create_task(work)
        return tuple(
            replace(done[layer.diff_id].result(), chain_id=layer.chain_id) for layer in image.blobs
        )

    async def _compress(
        self, layer: LayerBlob, lease: Lease, report: Report, leave: Leave
    ) -> LayerBlob:
        if self._is_ready(layer):
            return layer
        known = self._catalog.store.compressed_layer(layer.diff_id)
        if known is not None:
            await lease.hold([known.digest])
            if self._is_ready(known):
                return known
        cancellation = Cancellation()
        made: list[LayerBlob] = []
        async with self._slots:
            await wait_for_thread(
                self._workers,
                lambda: made.append(self._compress_now(layer, cancellation, report)),
                cancellation,
            )
        await lease.hold([made[0].digest])
        leave(made[0])
        return made[0]

    def _compress_now(
        self, layer: LayerBlob, cancellation: Cancellation, report: Report
    ) -> LayerBlob:
        """Write a layer's compressed archive into the content store. [blocking]"""

        def watched(chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
            done = 0
            for chunk in chunks:
                cancellation.check()
                yield chunk
                done += len(chunk)
                report(layer, done)

        plain = watched(self._storage.open_layer_tar(layer.chain_id))
        with self._storage.content.writer() as writer, closing(plain):
            for piece in compress(plain, self._threads):
                writer.write(piece)
            size = writer.offset
            digest = writer.commit()
        return replace(layer, digest=digest, media_type=OCI_LAYER_GZIP, size=size)

    async def _renew(self, image: Image, layers: tuple[LayerBlob, ...], lease: Lease) -> Image:
        """Let the compressed archives and their manifest be the image's own."""
        await lease.hold([image.id])
        config = Stored(image.id, self._storage.content.size(image.id))
        manifest_digest, media_type = await self._assembler.manifest(config, layers, lease)
        if self._catalog.by_id(image.id) is None:
            raise InternalError(f"image {image.id} was removed while it was pushed")
        for layer in layers:  # before the plain archives may go
            self._storage.set_layer_blob(layer.chain_id, layer.digest)
        with self._database.transaction() as tx:
            self._registrar.add(
                tx,
                NewImage(
                    id=image.id,
                    config=image.config,
                    manifest_digest=manifest_digest,
                    manifest_media_type=media_type,
                    layers=layers,
                    parent=image.parent,
                ),
            )
        self._reclaimer.reclaim([image.manifest_digest, *(blob.digest for blob in image.blobs)], ())
        return self._catalog.by_id(image.id) or image
