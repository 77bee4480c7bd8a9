"""Pulling images: manifests, then layers in parallel, unpacked in order as they arrive."""

from collections.abc import Sequence
from typing import Final, Literal

from boxship.engine.images.arrival import LayerArrival
from boxship.engine.images.catalog import Catalog
from boxship.engine.images.image import Image, LayerBlob, Progress, ProgressSink, unpacks
from boxship.engine.images.reclaim import Lease, Reclaimer
from boxship.engine.images.registration import NewImage, Registrar, layer_blobs
from boxship.engine.images.resolve import Resolved, ResolvedIndex, Resolver
from boxship.engine.images.transfers import Transfers
from boxship.engine.images.unpacking import Unpacker
from boxship.engine.images.workers import Workers
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.client import RegistryClient, Repository
from boxship.engine.state.database import Database
from boxship.engine.storage.service import StorageService
from boxship.errors import InvalidParameterError, NotFoundError
from boxship.oci import image as image_document
from boxship.oci.descriptor import Descriptor
from boxship.oci.document import MAX_DOCUMENT_SIZE
from boxship.oci.image import ImageConfig, chain_ids
from boxship.oci.platform import Platform, parse_platform, rank
from boxship.reference import Reference, parse_normalized

ALL: Final = "all"
"""In place of a platform: the whole index, every variant and what is attested of it."""
Wanted = Platform | Literal["all"] | None


class Puller:
    """Brings images here from registries."""

    def __init__(
        self,
        *,
        database: Database,
        client: RegistryClient,
        catalog: Catalog,
        storage: StorageService,
        registrar: Registrar,
        reclaimer: Reclaimer,
        transfers: Transfers,
        unpacker: Unpacker,
        workers: Workers,
    ) -> None:
        self._database = database
        self._client = client
        self._catalog = catalog
        self._storage = storage
        self._registrar = registrar
        self._reclaimer = reclaimer
        self._transfers = transfers
        self._arrival = LayerArrival(storage, transfers, unpacker)
        self._workers = workers
        self._resolver = Resolver(storage.content, workers)
        self.whole_indexes = False
        """Whether a pull that names no platform brings all variants of an index."""

    async def pull(
        self,
        text: str,
        *,
        platform: str = "",
        auth: RegistryAuth | None = None,
        progress: ProgressSink,
        all_tags: bool = False,
    ) -> Image:
        """Pull an image, or all tags of a repository; return the (last) image.

        Nothing of a failed or cancelled pull is left but interrupted downloads, which the next
        one resumes. Raises NotFoundError, UnauthorizedError, InvalidParameterError, InternalError.
        """
        reference = parse_normalized(text)
        if all_tags and (reference.tag or reference.digest):
            raise InvalidParameterError("tag can't be used with --all-tags/-a")
        wanted = _wanted(platform or (ALL if self.whole_indexes else ""))
        source = self._client.repository(reference.with_default_tag(), auth)
        targets = [reference.with_default_tag()]
        with source.translated():
            if all_tags:
                tags = await self._workers.run(source.tags)
                targets = [reference.with_tag(tag) for tag in tags]
            changed = False
            for target in targets:
                image, is_new = await self._pull_one(source, target, wanted, progress)
                changed = changed or is_new
        if not targets:
            raise NotFoundError(f"repository {reference.familiar_name} has no tags")
        shown = reference.familiar if all_tags else targets[0].familiar
        progress(Progress(status=f"Status: {_status(changed, shown)}"))
        if isinstance(wanted, Platform) and rank(image.config.platform, wanted) is None:
            progress(Progress(status=_wrong_platform(targets[-1], wanted, image.config)))
        return image

    async def _pull_one(
        self,
        source: Repository,
        target: Reference,
        wanted: Wanted,
        progress: ProgressSink,
    ) -> tuple[Image, bool]:
        source.reference = target
        async with self._reclaimer.lease(resumable=True) as lease:
            name = target.digest or target.tag or ""
            label = str(target) if target.digest else target.tag or ""
            found = await self._resolve(source, name, wanted, lease)
            progress(Progress(id=label, status=f"Pulling from {target.path}"))
            arrived = [await self._arrive(source, one, lease, progress) for one in found.images]
            for part in found.parts:
                await self._fetch_blob(source, part, lease)
            named_digest = found.images[0].named_digest
            progress(Progress(status=f"Digest: {named_digest}"))
            changed = self._register(target, found, arrived)
        image = self._catalog.get(arrived[0].id if len(arrived) == 1 else str(target))
        return image, changed

    async def _resolve(
        self, source: Repository, name: str, wanted: Wanted, lease: Lease
    ) -> ResolvedIndex:
        if wanted == ALL:
            return await self._resolver.resolve_all(source, name, lease)
        platform = wanted if isinstance(wanted, Platform) else None
        resolved = await self._resolver.resolve(source, name, platform, lease)
        return ResolvedIndex(images=[resolved], parts=[])

    async def _arrive(
        self, source: Repository, resolved: Resolved, lease: Lease, progress: ProgressSink
    ) -> NewImage:
        """Fetch one image."""
        if self._catalog.by_id(resolved.manifest.config.digest) is not None:
            progress = _unseen  # as in Docker: of an image that is here there is nothing to tell
        config = await self._fetch_config(source, resolved.manifest.config, lease)
        layers = await self._fetch_layers(source, resolved, config, lease, progress)
        return NewImage(
            id=resolved.manifest.config.digest,
            config=config,
            manifest_digest=resolved.digest,
            manifest_media_type=resolved.media_type,
            layers=layers,
        )

    async def _fetch_config(
        self, source: Repository, descriptor: Descriptor, lease: Lease
    ) -> ImageConfig:
        if descriptor.size > MAX_DOCUMENT_SIZE:
            raise InvalidParameterError(
                f"invalid manifest: an image configuration of {descriptor.size} bytes"
            )
        await self._fetch_blob(source, descriptor, lease)
        return image_document.decode(self._storage.content.read(descriptor.digest))

    async def _fetch_blob(self, source: Repository, descriptor: Descriptor, lease: Lease) -> None:
        await lease.hold([descriptor.digest])
        if not self._storage.content.has(descriptor.digest):
            await self._transfers.fetch(source, descriptor, lambda _: None)

    async def _fetch_layers(
        self,
        source: Repository,
        resolved: Resolved,
        config: ImageConfig,
        lease: Lease,
        progress: ProgressSink,
    ) -> tuple[LayerBlob, ...]:
        descriptors = resolved.manifest.layers
        blobs = [(layer.digest, layer.media_type, layer.size) for layer in descriptors]
        layers = layer_blobs(config, chain_ids(config.rootfs.diff_ids), blobs)
        await lease.hold([layer.digest for layer in layers], [layer.chain_id for layer in layers])
        if unpacks(config):
            await self._arrival.fetch(source, descriptors, layers, progress)
        else:
            await self._arrival.fetch_archives(source, descriptors, progress)
        return layers

    def _register(
        self, target: Reference, found: ResolvedIndex, arrived: Sequence[NewImage]
    ) -> bool:
        """Store the images and their names; tell whether a name leads elsewhere than before."""
        index = found.images[0].index
        digested = Reference(target.domain, target.path, None, found.images[0].named_digest)
        changed = False
        with self._database.transaction() as tx:
            for new in arrived:
                self._registrar.add(tx, new)
                if index:
                    changed = self._registrar.add_variant(tx, index, new) or changed
            for part in found.parts:
                self._catalog.store.indexes.add_part(tx, index, part.digest)
            shown = (self._catalog.best(index) if index else None) or arrived[0].id
            moved = self._registrar.set_digest(tx, digested, shown)
            if target.digest is None:
                moved = self._registrar.set_tag(tx, target, shown, index)
            labels = {**arrived[0].config.config.labels, "name": target.familiar_name}
            self._registrar.record(tx, "pull", target.familiar, target.familiar_name, labels)
        return changed or moved


def _unseen(_message: Progress) -> None:
    """Take a report that nobody needs."""


def _wanted(platform: str) -> Wanted:
    if not platform:
        return None
    return ALL if platform == ALL else parse_platform(platform)


def _status(changed: bool, shown: str) -> str:
    return f"Downloaded newer image for {shown}" if changed else f"Image is up to date for {shown}"


def _wrong_platform(target: Reference, wanted: Platform, config: ImageConfig) -> str:
    return (
        f"WARNING: image with reference {target.familiar} was found but does not match the "
        f"specified platform: wanted {wanted.text}, actual: {config.platform.text}"
    )
