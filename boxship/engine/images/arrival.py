"""How an image's layers arrive: fetched in parallel, unpacked while they come, placed in order."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from boxship.engine.images.image import LayerBlob, Progress, ProgressSink
from boxship.engine.images.transfers import Phase, Transfers, TransferState
from boxship.engine.images.unpacking import Unpacker
from boxship.engine.registry.client import Repository
from boxship.engine.storage.growth import BrokenGrowthError
from boxship.engine.storage.service import StorageService
from boxship.errors import BoxshipError
from boxship.ids import short_id
from boxship.oci.descriptor import Descriptor
from boxship.oci.media_types import is_foreign_layer

UNPACKED_AHEAD = 2
"""Layers of one image that are unpacked beside the lowest one that is not here yet."""


@dataclass(frozen=True, slots=True)
class _Arriving:
    """A layer that has to be unpacked, and the download that brings its archive."""

    layer: LayerBlob
    download: asyncio.Task[None]
    parent: str | None
    """Chain id of the layer below."""
    below: asyncio.Task[None] | None
    """Brings the layer below, unless it is here."""

    async def wait_below(self) -> str | None:
        """Return the parent's chain id when the parent is here."""
        if self.below is not None:
            await asyncio.shield(self.below)
        return self.parent


class LayerArrival:
    """Brings the layers of images here."""

    def __init__(self, storage: StorageService, transfers: Transfers, unpacker: Unpacker) -> None:
        self._storage = storage
        self._transfers = transfers
        self._unpacker = unpacker

    async def fetch(
        self,
        source: Repository,
        descriptors: Sequence[Descriptor],
        layers: Sequence[LayerBlob],
        progress: ProgressSink,
    ) -> None:
        """Return when all layers, lowest first, are unpacked and their archives are kept.

        ``descriptors``: of the layers' archives, in the same order. The caller holds a lease on
        both. Raises what ``Transfers.fetch`` and ``Unpacker.unpack`` raise; nothing runs on then.
        """
        missing = [layer for layer in layers if not self._is_here(layer)]
        for layer in layers:
            status = "Pulling fs layer" if layer in missing else "Already exists"
            progress(Progress(id=short_id(layer.digest), status=status))
        slots = asyncio.Semaphore(UNPACKED_AHEAD)
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                downloads = {
                    layer.chain_id: group.create_task(
                        self._transfers.fetch(source, descriptor, _watcher(layer, progress))
                    )
                    for layer, descriptor in zip(layers, descriptors, strict=True)
                    if layer in missing
                }
                parent = None
                for layer in layers:
                    if layer in missing:
                        download = downloads[layer.chain_id]
                        item = _Arriving(layer, download, parent, tasks.get(parent or ""))
                        unpacking = self._unpack(item, slots, progress)
                        tasks[layer.chain_id] = group.create_task(unpacking)
                    parent = layer.chain_id
        except BaseExceptionGroup as failures:
            raise _first(failures) from failures

    async def fetch_archives(
        self, source: Repository, descriptors: Sequence[Descriptor], progress: ProgressSink
    ) -> None:
        """Return when the archives of layers are kept that are not unpacked here (Windows).

        Foreign layers that name URLs stay where those lead to: their makers do not allow copies
        (image-spec layer.md, non-distributable layers). Raises what ``Transfers.fetch`` raises.
        """
        content = self._storage.content
        for layer in descriptors:
            key = short_id(layer.digest)
            if is_foreign_layer(layer.media_type) and layer.urls:
                progress(Progress(id=key, status="Skipped foreign layer"))
            elif content.has(layer.digest):
                progress(Progress(id=key, status="Already exists"))
            else:
                progress(Progress(id=key, status="Pulling fs layer"))
                await self._transfers.fetch(source, layer, _watcher(layer, progress))
                progress(Progress(id=key, status="Pull complete"))

    def _is_here(self, layer: LayerBlob) -> bool:
        return self._storage.has_layer(layer.chain_id) and self._storage.content.has(layer.digest)

    async def _unpack(
        self, item: _Arriving, slots: asyncio.Semaphore, progress: ProgressSink
    ) -> None:
        """Unpack a layer, while it arrives where that can be, and put it on the one below."""
        report = _extracting(item, progress)
        is_done = await self._unpack_arriving(item, slots, report)
        await item.download
        parent = await item.wait_below()
        if not is_done:
            await self._unpacker.unpack(item.layer, parent, report)
        report(item.layer.size)
        progress(Progress(id=short_id(item.layer.digest), status="Pull complete"))

    async def _unpack_arriving(
        self, item: _Arriving, slots: asyncio.Semaphore, report: Callable[[int], None]
    ) -> bool:
        """Unpack a layer from its running download; False: it has to be unpacked from its blob.

        Only the end of the download tells whether what failed to unpack were the right bytes.
        """
        unpacker, layer = self._unpacker, item.layer
        if not self._storage.unpacks_ahead:
            await item.wait_below()
        growth = await self._transfers.growing(layer.digest)
        if growth is None:
            return False
        try:
            if item.below is None or item.below.done():
                await unpacker.unpack(layer, item.parent, report, growth)
            else:
                await unpacker.unpack_ahead(layer, item.wait_below, report, growth, slots)
        except (BrokenGrowthError, BoxshipError):
            return False
        return True


def _watcher(
    layer: LayerBlob | Descriptor, progress: ProgressSink
) -> Callable[[TransferState], None]:
    key = short_id(layer.digest)

    def watch(state: TransferState) -> None:
        if state.phase is Phase.DOWNLOADING:
            progress(
                Progress(id=key, status="Downloading", current=state.current, total=layer.size)
            )
        elif state.phase is Phase.RETRYING:
            seconds = max(1, round(state.retry_in_s))
            plural = "" if seconds == 1 else "s"
            progress(Progress(id=key, status=f"Retrying in {seconds} second{plural}"))
        else:
            progress(Progress(id=key, status=state.phase.value))

    return watch


def _extracting(item: _Arriving, progress: ProgressSink) -> Callable[[int], None]:
    """Report how far a layer is unpacked, once its download has nothing more to say."""
    key = short_id(item.layer.digest)
    size = item.layer.size

    def report(current: int) -> None:
        if item.download.done():
            progress(Progress(id=key, status="Extracting", current=current, total=size))

    return report


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the failure that ended the others."""
    for failure in failures.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            return _first(failure)
        if not isinstance(failure, asyncio.CancelledError):
            return failure
    return failures.exceptions[0]
