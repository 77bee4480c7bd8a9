"""Pushing images: what the registry lacks goes over, then the manifest, byte for byte as it is."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from boxship.engine.images.catalog import Catalog
from boxship.engine.images.image import Image, LayerBlob, Progress, ProgressSink
from boxship.engine.images.members import Member, members
from boxship.engine.images.outgoing import Outgoing
from boxship.engine.images.reclaim import Lease, Reclaimer
from boxship.engine.images.registration import Registrar
from boxship.engine.images.transfers import PROGRESS_INTERVAL_S
from boxship.engine.images.uploads import UploadPhase, Uploads, UploadState
from boxship.engine.images.workers import Workers
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.client import ManifestHead, RegistryClient, Repository
from boxship.engine.registry.upload import Outcome, Uploaded, has_blob
from boxship.engine.state.database import Database
from boxship.engine.storage.content import ContentStore
from boxship.errors import InternalError, InvalidParameterError, NotFoundError
from boxship.ids import short_id
from boxship.oci import manifest as manifests
from boxship.oci.descriptor import Descriptor
from boxship.oci.manifest import Manifest
from boxship.oci.media_types import is_foreign_layer
from boxship.reference import Reference, parse_normalized

MAX_QUESTIONS = 6
"""Requests at once that ask what a registry has: no more than connections are kept for later."""
MAX_SOURCES = 5
"""Repositories of the same registry that blobs are mounted from in one push."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A manifest that the content store holds, with the blobs it needs at its side."""

    digest: str
    media_type: str
    data: bytes
    blobs: tuple[Descriptor, ...]
    """What has to be in the repository before the manifest; each once."""
    labels: dict[str, str]
    """Digest → the short id under which progress is shown; blobs without one go silently."""


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What a push has begun before its manifest is known."""

    asked: asyncio.Task[ManifestHead | None]
    """The push's first request: what the registry has under the name."""
    layers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """Digest → upload of a layer that was compressed for this push."""


def parcel(content: ContentStore, image: Image) -> Parcel:
    """Return an image's manifest and blobs. Raises NotFoundError for a missing manifest."""
    data = content.read(image.manifest_digest)
    manifest = manifests.decode(data, image.manifest_media_type)
    if not isinstance(manifest, Manifest):
        raise InternalError(f"image {image.id} has an index where its manifest should be")
    labels = {blob.digest: short_id(blob.diff_id) for blob in image.blobs}
    blobs = {blob.digest: blob for blob in (manifest.config, *reversed(manifest.layers))}
    return Parcel(
        digest=image.manifest_digest,
        media_type=image.manifest_media_type,
        data=data,
        blobs=tuple(blobs.values()),
        labels=labels,
    )


class Pusher:
    """Brings images to registries."""

    def __init__(
        self,
        *,
        database: Database,
        client: RegistryClient,
        catalog: Catalog,
        content: ContentStore,
        registrar: Registrar,
        reclaimer: Reclaimer,
        uploads: Uploads,
        outgoing: Outgoing,
        workers: Workers,
    ) -> None:
        self._database = database
        self._client = client
        self._catalog = catalog
        self._content = content
        self._registrar = registrar
        self._reclaimer = reclaimer
        self._uploads = uploads
        self._outgoing = outgoing
        self._workers = workers
        self._questions = asyncio.Semaphore(MAX_QUESTIONS)

    async def push(
        self,
        text: str,
        *,
        platform: str = "",
        auth: RegistryAuth | None = None,
        progress: ProgressSink,
        all_tags: bool = False,
    ) -> None:
        """Push a tag, or all tags of a repository.

        A tag of an index that is whole here gets the index, as it came; otherwise it gets the
        manifest for the platform, or for this host.

        Raises NotFoundError for a name that leads to no image, InvalidParameterError for a digest,
        and the registry's refusals as ForbiddenError, UnauthorizedError, UnavailableError and
        InternalError.
        """
        reference = parse_normalized(text)
        if reference.digest:
            raise InvalidParameterError("cannot push a digest reference")
        progress(Progress(status=f"The push refers to repository [{reference.name}]"))
        for target in self._targets(reference, all_tags=all_tags):
            image = self._catalog.get(str(target), platform)
            whole = None if platform else await self._whole_index(target)
            if whole:
                await self._push_index(target, whole, auth, progress)
            else:
                pushed = await self._push_one(target, image, auth, progress)
                index = self._index_of(target)
                if index and not platform:
                    progress(Progress(pushed_instead=(index, pushed)))

    def _targets(self, reference: Reference, *, all_tags: bool) -> list[Reference]:
        tags = self._catalog.store.tags_of(reference.name)
        if not tags:
            raise NotFoundError(
                f"An image does not exist locally with the tag: {reference.familiar_name}"
            )
        if all_tags:
            return [reference.with_tag(tag) for tag in tags]
        wanted = reference.with_default_tag()
        if wanted.tag not in tags:
            raise NotFoundError(f"tag does not exist: {wanted.familiar}")
        return [wanted]

    async def _push_one(
        self,
        target: Reference,
        image: Image,
        auth: RegistryAuth | None,
        progress: ProgressSink,
    ) -> Descriptor:
        """Push an image alone; return its manifest."""
        for layer in reversed(image.blobs):
            progress(Progress(id=short_id(layer.diff_id), status="Preparing"))
        async with self._reclaimer.lease() as lease:
            await _hold(lease, image)
            sources = self._catalog.store.sources(target.domain, self._known(image))
            session = self._client.repository(target, auth, "pull,push", sources[:MAX_SOURCES])
            with session.translated(), _first_failure():
                async with asyncio.TaskGroup() as group:
                    ahead = _Ahead(group.create_task(self._head(session, target.tag or "")))

                    def leave(layer: LayerBlob) -> None:
                        sending = self._send_ahead(session, ahead, layer, progress)
                        ahead.layers[layer.digest] = group.create_task(sending)

                    report = self._compressing(progress)
                    image = await self._outgoing.prepare(image, lease, report, leave)
                    await _hold(lease, image)
                    item = parcel(self._content, image)
                    tag = target.tag or ""
                    await self._push_parcel(session, item, tag, sources, progress, ahead)
            self._register(target, image, item)
        _tell_result(target, item, progress)
        return Descriptor(
            media_type=item.media_type,
            digest=item.digest,
            size=len(item.data),
            platform=image.config.platform,
        )

    def _known(self, image: Image) -> list[str]:
        """Digests of an image's layers, as they are and as earlier pushes compressed them."""
        compressed = [self._catalog.store.compressed_layer(one.diff_id) for one in image.blobs]
        return [one.digest for one in (*image.blobs, *compressed) if one is not None]

    def _index_of(self, target: Reference) -> Descriptor | None:
        """Describe the index that a tag leads to."""
        named = self._catalog.resolve(str(target))
        if named is None or not named.target or not self._content.has(named.target):
            return None
        data = self._content.read(named.target)
        kind = manifests.media_type_of(manifests.decode(data))
        return Descriptor(media_type=kind, digest=named.target, size=len(data))

    async def _whole_index(self, target: Reference) -> list[Member] | None:
        """Return the members of the index that a tag leads to, None without all of them here."""
        named = self._catalog.resolve(str(target))
        if named is None or not named.target:
            return None
        return await self._workers.run(lambda: members(self._content, named.target))

    async def _push_index(
        self,
        target: Reference,
        whole: Sequence[Member],
        auth: RegistryAuth | None,
        progress: ProgressSink,
    ) -> None:
        """Push all members of an index, itself last: what was pulled is there again."""
        index = whole[-1].digest
        variants = self._catalog.variants(index)
        labels = {blob.digest: short_id(blob.diff_id) for one in variants for blob in one.blobs}
        for label in dict.fromkeys(labels.values()):
            progress(Progress(id=label, status="Preparing"))
        async with self._reclaimer.lease() as lease:
            await lease.hold([one.digest for one in whole])
            await lease.hold([blob.digest for one in whole for blob in one.blobs])
            sources = self._catalog.store.sources(target.domain, labels)
            session = self._client.repository(target, auth, "pull,push", sources[:MAX_SOURCES])
            with session.translated(), _first_failure():
                for one in whole:
                    item = _parcel_of(one, labels)
                    name = target.tag or "" if one is whole[-1] else one.digest
                    async with asyncio.TaskGroup() as group:
                        ahead = _Ahead(group.create_task(self._head(session, name)))
                        await self._push_parcel(session, item, name, sources, progress, ahead)
            image = self._catalog.find(index)
            if image is not None:
                self._register(target, image, item)
        _tell_result(target, item, progress)

    async def _push_parcel(
        self,
        session: Repository,
        item: Parcel,
        tag_or_digest: str,
        sources: Sequence[str],
        progress: ProgressSink,
        ahead: _Ahead,
    ) -> None:
        """Bring a manifest's blobs to a repository, those that are missing, then the manifest.

        sources: paths of repositories of the same registry that may have the blobs. Raises
        RegistryError, UnreachableError, NotFoundError for a blob that is not in the store.
        """
        blobs = [
            blob
            for blob in item.blobs
            if not _is_foreign(blob, item, progress) and blob.digest not in ahead.layers
        ]
        head = await ahead.asked
        is_there = head is not None and head.digest == item.digest
        # Whoever has the manifest has what it needs: nothing more is asked.
        missing = [] if is_there else await self._missing(session, blobs)
        for blob in blobs:
            if blob not in missing and blob.digest in item.labels:
                label = item.labels[blob.digest]
                progress(Progress(id=label, status=Outcome.EXISTED.value))
        await self._upload_all(session, missing, item, sources, progress)
        await asyncio.gather(*ahead.layers.values())
        if not is_there:
            await self._workers.run(
                lambda: session.put_manifest(tag_or_digest, item.media_type, item.data)
            )

    async def _missing(self, session: Repository, blobs: Sequence[Descriptor]) -> list[Descriptor]:
        with _first_failure():
            async with asyncio.TaskGroup() as group:
                checks = [group.create_task(self._is_there(session, blob)) for blob in blobs]
        return [blob for blob, check in zip(blobs, checks, strict=True) if not check.result()]

    async def _send_ahead(
        self, session: Repository, ahead: _Ahead, layer: LayerBlob, progress: ProgressSink
    ) -> None:
        """Bring a layer while others are still being compressed."""
        await asyncio.wait({ahead.asked})  # the first request alone finds the endpoint
        label = short_id(layer.diff_id)
        blob = Descriptor(media_type=layer.media_type, digest=layer.digest, size=layer.size)
        if await self._is_there(session, blob):
            progress(Progress(id=label, status=Outcome.EXISTED.value))
        else:
            await self._upload(session, blob, label, (), progress)

    async def _head(self, session: Repository, name: str) -> ManifestHead | None:
        async with self._questions:
            return await self._workers.run(lambda: session.head_manifest(name))

    async def _is_there(self, session: Repository, blob: Descriptor) -> bool:
        async with self._questions:
            return await self._workers.run(lambda: has_blob(session, blob.digest))

    async def _upload_all(
        self,
        session: Repository,
        missing: Sequence[Descriptor],
        item: Parcel,
        sources: Sequence[str],
        progress: ProgressSink,
    ) -> None:
        others = [path for path in sources[:MAX_SOURCES] if path != session.reference.path]
        for blob in missing:
            if not self._content.has(blob.digest):
                raise NotFoundError(
                    f"cannot push {session.reference.familiar}: content {blob.digest} is not in "
                    "the store: pull or load its image again"
                )
        with _first_failure():
            async with asyncio.TaskGroup() as group:
                for blob in missing:
                    label = item.labels.get(blob.digest, "")
                    group.create_task(self._upload(session, blob, label, others, progress))

    async def _upload(
        self,
        session: Repository,
        blob: Descriptor,
        label: str,
        sources: Sequence[str],
        progress: ProgressSink,
    ) -> None:
        tell = progress if label else _say_nothing
        done = await self._uploads.bring(session, blob, sources, _watcher(label, blob.size, tell))
        tell(Progress(id=label, status=_outcome(done)))

    def _compressing(self, progress: ProgressSink) -> Callable[[LayerBlob, int], None]:
        loop = asyncio.get_running_loop()
        shown: dict[str, float] = {}

        def report(layer: LayerBlob, done: int) -> None:
            if (now := loop.time()) >= shown.get(layer.diff_id, 0.0):
                shown[layer.diff_id] = now + PROGRESS_INTERVAL_S
                label = short_id(layer.diff_id)
                message = Progress(id=label, status="Compressing", current=done, total=layer.size)
                loop.call_soon_threadsafe(progress, message)

        return report

    def _register(self, target: Reference, image: Image, item: Parcel) -> None:
        digested = Reference(target.domain, target.path, None, item.digest)
        with self._database.transaction() as tx:
            if self._catalog.by_id(image.id) is not None:  # it may have been removed meanwhile
                self._registrar.set_digest(tx, digested, image.id)
            labels = {**image.labels, "name": target.familiar_name}
            self._registrar.record(tx, "push", target.familiar, target.familiar_name, labels)


def _parcel_of(member: Member, labels: dict[str, str]) -> Parcel:
    return Parcel(
        digest=member.digest,
        media_type=member.media_type,
        data=member.data,
        blobs=member.blobs,
        labels=labels,
    )


async def _hold(lease: Lease, image: Image) -> None:
    await lease.hold(
        [image.id, image.manifest_digest, *(blob.digest for blob in image.blobs)], image.chain_ids
    )


def _is_foreign(blob: Descriptor, item: Parcel, progress: ProgressSink) -> bool:
    """Tell of a layer that registries do not keep, and pass it over."""
    if not is_foreign_layer(blob.media_type) or not blob.urls:
        return False
    progress(Progress(id=item.labels.get(blob.digest, ""), status="Skipped foreign layer"))
    return True


def _say_nothing(_: Progress) -> None:
    """Show no progress: of configurations, which are no layers."""


def _outcome(done: Uploaded) -> str:
    if done.outcome is Outcome.MOUNTED:
        return f"Mounted from {done.source}"
    return str(done.outcome.value)


def _tell_result(target: Reference, item: Parcel, progress: ProgressSink) -> None:
    size = len(item.data)
    progress(Progress(status=f"{target.tag}: digest: {item.digest} size: {size}"))
    progress(Progress(aux={"Tag": target.tag or "", "Digest": item.digest, "Size": size}))


def _watcher(label: str, size: int, progress: ProgressSink) -> Callable[[UploadState], None]:
    def watch(state: UploadState) -> None:
        if state.phase is UploadPhase.PUSHING:
            progress(Progress(id=label, status="Pushing", current=state.current, total=size))
        elif state.phase is UploadPhase.RETRYING:
            seconds = max(1, round(state.retry_in_s))
            plural = "" if seconds == 1 else "s"
            progress(Progress(id=label, status=f"Retrying in {seconds} second{plural}"))
        else:
            progress(Progress(id=label, status=state.phase.value))

    return watch


@contextmanager
def _first_failure() -> Iterator[None]:
    """Raise the failure that ended a group's other tasks, instead of the group."""
    try:
        yield
    except BaseExceptionGroup as failures:
        real = [one for one in failures.exceptions if not isinstance(one, asyncio.CancelledError)]
        raise (real or list(failures.exceptions))[0] from failures
