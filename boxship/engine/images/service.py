"""The verbs of images."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace

from boxship.engine.config import RegistryConfig
from boxship.engine.events.service import EventService
from boxship.engine.images import listing
from boxship.engine.images.attestations import Attestation, attestations
from boxship.engine.images.changes import apply_changes
from boxship.engine.images.download import archive_url, download
from boxship.engine.images.filters import PRUNE_KEYS, check_keys
from boxship.engine.images.ground import Ground
from boxship.engine.images.image import (
    HistoryItem,
    Image,
    ImageSummary,
    ManifestSummary,
    Progress,
    ProgressSink,
    PruneReport,
    Removed,
    unpacks,
)
from boxship.engine.images.importer import RecordCommit, record_nothing
from boxship.engine.images.manifests import ManifestReader
from boxship.engine.images.prune import plan, prune
from boxship.engine.images.reclaim import PlannedReclaimer
from boxship.engine.images.referrers import attached
from boxship.engine.images.remove import Remover, UsageLookup
from boxship.engine.images.save import Piece, Saved, complete, write_archive
from boxship.engine.images.save import select as select_saved
from boxship.engine.images.streams import produce
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.client import RegistryClient
from boxship.engine.state.database import Database
from boxship.engine.storage.service import CapturedLayer, StorageService
from boxship.errors import BoxshipError, InvalidParameterError, NotFoundError
from boxship.oci.descriptor import Descriptor
from boxship.oci.image import ExecutionConfig, OriginConfig
from boxship.reference import Reference, parse_normalized

_log = logging.getLogger(__name__)
_NO_FILTERS: Mapping[str, tuple[str, ...]] = {}


class ImageService:
    """All images of an engine. Used from the event loop's thread."""

    def __init__(
        self,
        database: Database,
        events: EventService,
        storage: StorageService,
        config: RegistryConfig,
        client: RegistryClient | None = None,
    ) -> None:
        self._database = database
        self._events = events
        self._storage = storage
        self._client = client or RegistryClient(config)
        ground = Ground.lay(database, events, storage)
        self._workers = ground.workers
        self._catalog = ground.catalog
        self._registrar = ground.registrar
        self._reclaimer = ground.reclaimer
        self._unpacker = ground.unpacker
        self._remover = Remover(database, self._catalog, self._registrar, self._reclaimer)
        self._manifests = ManifestReader(
            self._catalog, storage.content, lambda image_id: self._remover.usage(image_id)
        )
        self._loader = ground.loader()
        self._importer = ground.importer()
        self.extras = ground.extras()
        """The verbs that Docker does not have."""
        self._remover.mounts = self.extras.mounter.targets
        self._transfers = ground.transfers(config)
        self._puller = ground.puller(self._client, self._transfers)
        self._puller.whole_indexes = config.whole_indexes
        self._uploads = ground.uploads(config)
        self._outgoing = ground.outgoing()
        self._pusher = ground.pusher(self._client, self._uploads, self._outgoing)

    def reconfigure(self, config: RegistryConfig) -> None:
        """Reach registries in another way from now on; running downloads go on as they began."""
        self._client.reconfigure(config)
        self._puller.whole_indexes = config.whole_indexes
        self._transfers.reconfigure(
            concurrent=config.max_concurrent_downloads, attempts=config.max_download_attempts
        )
        self._uploads.reconfigure(
            concurrent=config.max_concurrent_uploads, attempts=config.max_download_attempts
        )

    async def open(self) -> None:
        """Make the storage agree with the state after a crash or a power cut.

        What no image needs is deleted in the background; layers that did not reach the disk are
        unpacked anew from their archives. An image that cannot be repaired is logged.
        """
        for image in self._catalog.all():
            try:
                await self._repair(image)
            except BoxshipError as error:
                _log.error("image %s cannot be used: %s; pull it again", image.id, error)
        await self.extras.open()
        await self._reclaimer.sweep()

    async def _repair(self, image: Image) -> None:
        parent = None
        for layer in image.blobs if unpacks(image.config) else ():
            if not self._storage.has_layer(layer.chain_id):
                _log.warning("layer %s is unpacked again", layer.chain_id)
                await self._unpacker.unpack(layer, parent, lambda _: None)
            parent = layer.chain_id

    def set_usage(self, lookup: UsageLookup) -> None:
        """Tell how to find the containers that were made from an image id."""
        self._remover.usage = lookup

    def find(self, text: str) -> Image | None:
        """Return the image with a name, an id, or the beginning of an id; None without it."""
        return self._catalog.find(text)

    def get(self, text: str, platform: str = "") -> Image:
        """Return an image. Raises NotFoundError ``No such image: x:latest``."""
        return self._catalog.get(text, platform)

    def list(
        self,
        filters: Mapping[str, tuple[str, ...]] = _NO_FILTERS,
        *,
        all: bool = False,  # noqa: A002 - Docker's own word
        variants: bool = False,
        shared_size: bool = False,
        manifests: bool = False,
    ) -> list[ImageSummary]:
        """Return images, newest first.

        all: also intermediate ones, and variants that no name shows; variants: those alone.
        shared_size: with what each has in common with others. manifests: with what each
        one's index lists, how many containers use it, and the size of all that.
        """
        rows = listing.list_images(
            self._catalog,
            self._storage,
            filters,
            intermediate=all,
            variants=all or variants,
            shared_size=shared_size,
        )
        return [self._with_manifests(row) for row in rows] if manifests else rows

    def _with_manifests(self, row: ImageSummary) -> ImageSummary:
        image = self._catalog.by_id(row.id)
        if image is None:
            return row
        target = self._manifests.target(image)
        summaries = tuple(self._manifests.summaries(target, image))
        return replace(
            row,
            descriptor=self._manifests.descriptor(target, image),
            manifests=summaries,
            containers=sum(len(summary.containers) for summary in summaries),
            size=sum(summary.content_size + summary.unpacked_size for summary in summaries),
        )

    def manifest_of(self, image_id: str) -> Descriptor | None:
        """Describe the manifest of an image, with its platform; None where it is not here."""
        image = self._catalog.by_id(image_id)
        if image is None or not self._storage.content.has(image.manifest_digest):
            return None
        return Descriptor(
            media_type=image.manifest_media_type,
            digest=image.manifest_digest,
            size=self._storage.content.size(image.manifest_digest),
            platform=image.config.platform,
        )

    def descriptor(self, text: str, image: Image) -> Descriptor:
        """Describe the index or manifest that a name of an image leads to."""
        return self._manifests.descriptor(self._target(text, image), image)

    def manifests(self, text: str, image: Image) -> Sequence[ManifestSummary]:
        """Return what the index or manifest lists that a name of an image leads to."""
        return self._manifests.summaries(self._target(text, image), image)

    def _target(self, text: str, image: Image) -> str:
        named = self._catalog.resolve(text)
        return named.target if named and named.target else self._manifests.target(image)

    def history(self, text: str, platform: str = "") -> Sequence[HistoryItem]:
        """Return an image's steps, newest first. Raises NotFoundError."""
        return listing.history(self._catalog, self._storage, text, platform)

    def tag(self, source: str, target: str) -> None:
        """Give an image another name; a name in use moves. Raises NotFoundError.

        A name of an index gets the whole index.
        """
        image = self._catalog.get(source)
        named = self._catalog.resolve(source)
        reference = parse_normalized(target)
        if reference.digest:
            raise InvalidParameterError("refusing to create a tag with a digest reference")
        reference = reference.with_default_tag()
        with self._database.transaction() as tx:
            self._registrar.set_tag(tx, reference, image.id, named.target if named else "")
            self._registrar.record(tx, "tag", image.id, reference.familiar, image.labels)

    async def remove(
        self,
        text: str,
        *,
        force: bool = False,
        prune: bool = True,
        platforms: Sequence[str] = (),
    ) -> Sequence[Removed]:
        """Remove a name, an image or some variants of it; see ``Remover.remove``."""
        return self._remover.remove(text, force=force, prune=prune, platforms=platforms)

    async def prune(self, filters: Mapping[str, tuple[str, ...]] = _NO_FILTERS) -> PruneReport:
        """Remove images that nothing needs, and what pulls that were cut off have left.

        See ``prune.prune``.
        """
        check_keys(filters, PRUNE_KEYS)
        abandoned = self._reclaimer.size_of(self._reclaimer.abandonable())
        self._reclaimer.abandon()
        layer_size = self._storage.layer_size
        return prune(self._catalog, self._remover, self._events, filters, layer_size, abandoned)

    async def plan_prune(
        self, filters: Mapping[str, tuple[str, ...]] = _NO_FILTERS, without: Collection[str] = ()
    ) -> PruneReport:
        """Return what ``prune`` would remove if the containers ``without`` were gone."""
        planned = self._remover.planning(PlannedReclaimer(self._reclaimer, without), without)
        layer_size = self._storage.layer_size
        report = plan(self._database, self._catalog, planned, filters, layer_size)
        abandoned = self._reclaimer.size_of(self._reclaimer.abandonable())
        return replace(report, space_reclaimed=report.space_reclaimed + abandoned)

    @asynccontextmanager
    async def layers_kept(self, image: Image) -> AsyncIterator[None]:
        """Keep an image's layers while something is made on them, should the image be removed.

        Raises NotFoundError where that has happened already.
        """

        def is_here() -> bool:
            return self._catalog.by_id(image.id) is not None

        async with self._reclaimer.guard(image.chain_ids, is_here):
            if not is_here():
                raise NotFoundError(f"No such image: {image.id}")
            yield

    def reclaim_layers(self, chain_ids: tuple[str, ...]) -> None:
        """Give back the space of layers that a removed container stood on, if nothing else does.

        For containers whose image was removed by force before them.
        """
        self._reclaimer.reclaim((), reversed(chain_ids))

    async def pull(
        self,
        text: str,
        *,
        platform: str = "",
        auth: RegistryAuth | None = None,
        progress: ProgressSink,
        all_tags: bool = False,
    ) -> Image:
        """Pull an image from its registry; see ``Puller.pull``."""
        return await self._puller.pull(
            text, platform=platform, auth=auth, progress=progress, all_tags=all_tags
        )

    async def push(
        self,
        text: str,
        *,
        platform: str = "",
        auth: RegistryAuth | None = None,
        progress: ProgressSink,
        all_tags: bool = False,
    ) -> None:
        """Push an image to its registry; see ``Pusher.push``."""
        await self._pusher.push(
            text, platform=platform, auth=auth, progress=progress, all_tags=all_tags
        )

    async def attestations(
        self,
        text: str,
        platform: str = "",
        types: Sequence[str] = (),
        *,
        statements: bool = False,
        auth: RegistryAuth | None = None,
    ) -> Sequence[Attestation]:
        """Return what is attested of an image, here and in the registries that it came from.

        See ``attestations.attestations`` and ``referrers.attached``.
        """
        image = self.get(text, platform)
        content, client = self._storage.content, self._client
        here = await self._workers.run(
            lambda: attestations(content, image, types, statements=statements)
        )
        there = await asyncio.to_thread(
            attached, client, image, types, statements=statements, auth=auth
        )
        known = {one.descriptor.digest for one in here}
        return [*here, *(one for one in there if one.descriptor.digest not in known)]

    async def load(
        self,
        source: AsyncIterator[bytes],
        *,
        platform: str = "",
        quiet: bool = False,
        progress: ProgressSink,
    ) -> Sequence[Image]:
        """Load the images of an archive; see ``Loader.load``."""
        return await self._loader.load(source, platform=platform, quiet=quiet, progress=progress)

    async def save(
        self, names: Sequence[str], platforms: Sequence[str] = ()
    ) -> AsyncIterator[Piece]:
        """Return a tar with images: an OCI layout and a Docker archive in one.

        Large blobs come as files. platforms: which variants; without them an index that is whole
        here goes out whole. Raises NotFoundError before anything is sent. The images stay whole
        until the tar is.
        """
        chosen = select_saved(self._catalog, names, platforms)
        await self._workers.run(lambda: complete(self._storage.content, chosen))
        with self._database.transaction() as tx:
            for saved in chosen:
                image = saved.image
                self._registrar.record(tx, "save", image.id, image.id, image.labels)
        return self._write(chosen)

    async def _write(self, chosen: Sequence[Saved]) -> AsyncIterator[Piece]:
        async with self._reclaimer.lease() as lease:
            for saved in chosen:
                image = saved.image
                await lease.hold([image.id, image.manifest_digest])
                digests = [blob.digest for blob in image.blobs]
                await lease.hold(digests, [blob.chain_id for blob in image.blobs])
                for member in saved.members:
                    await lease.hold([member.digest, *(blob.digest for blob in member.blobs)])
            async for piece in produce(self._workers, write_archive(self._storage, chosen)):
                yield piece

    async def import_(
        self,
        source: AsyncIterator[bytes] | str,
        *,
        repository: str = "",
        tag: str = "",
        message: str = "",
        changes: Sequence[str] = (),
        platform: str = "",
        progress: ProgressSink,
    ) -> Image:
        """Make an image out of a root filesystem's tar; see ``Importer.import_``.

        source: the tar, or a URL from which it is downloaded (see ``download.download``).
        """
        target = _target(repository, tag)
        origin = "-"
        if isinstance(source, str):
            origin = archive_url(source)
            source = download(self._client.transport, self._workers, origin, progress)
        image = await self._importer.import_(
            source, target, message=message, changes=changes, platform=platform, origin=origin
        )
        progress(Progress(status=image.id))
        return image

    async def commit(
        self,
        take: Callable[[], CapturedLayer | None],
        *,
        base: str = "",
        execution: ExecutionConfig,
        changes: Sequence[str] = (),
        repository: str = "",
        tag: str = "",
        author: str = "",
        comment: str = "",
        created_by: str = "",
        container: str = "",
        container_config: OriginConfig | None = None,
        during: AbstractAsyncContextManager[None] | None = None,
        record: RecordCommit = record_nothing,
    ) -> Image:
        """Make an image out of a container's changes; see ``Importer.commit``.

        base: id of the container's image, empty for none. execution: the container's
        configuration, to which Dockerfile instructions in ``changes`` are applied.
        """
        return await self._importer.commit(
            take,
            self._catalog.get(base) if base else None,
            apply_changes(execution, changes),
            _target(repository, tag),
            author=author,
            comment=comment,
            created_by=created_by,
            container=container,
            container_config=container_config,
            during=during or nullcontext(),
            record=record,
        )

    def prepare_stop(self) -> None:
        """Keep, from now on, what pulls that are cut off have brought in: the engine ends."""
        self._reclaimer.is_stopping = True

    async def settle(self) -> None:
        """Return when everything that was removed so far is off the disk."""
        await self._reclaimer.settle()

    async def close(self) -> None:
        """Finish deletions that were begun, and drop connections."""
        await self._reclaimer.settle()
        self._client.close()
        self._outgoing.close()
        self._workers.close()


def _target(repository: str, tag: str) -> Reference | None:
    """Read a new image's name, given in one piece or two. Raises InvalidParameterError."""
    if not repository:
        return None
    reference = parse_normalized(repository)
    if reference.digest:
        raise InvalidParameterError("cannot import digest reference")
    return (reference.with_tag(tag) if tag else reference).with_default_tag()
