"""The verbs of storage: content, layers, and containers' root filesystems."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from boxship.engine.storage.content import ContentStore
from boxship.engine.storage.errors import CorruptContentError, disk_errors
from boxship.engine.storage.layers.decompress import chunks_of, decompress
from boxship.engine.storage.layers.limits import LayerLimits
from boxship.engine.storage.layers.pack import OpenFile, pack_for_sending
from boxship.engine.storage.layers.pipeline import LayerPipeline
from boxship.engine.storage.layers.unpack import Unpacked
from boxship.engine.storage.layers.verify import Digester, verified
from boxship.engine.storage.layers.walk import Node, keep_all
from boxship.engine.storage.snapshots.ahead import LayerAhead
from boxship.engine.storage.snapshots.background import Background
from boxship.engine.storage.snapshots.choose import open_driver
from boxship.engine.storage.snapshots.contents import LayerContents
from boxship.engine.storage.snapshots.layer import Change, LayerRecord, chain_id
from boxship.engine.storage.snapshots.layout import Layout
from boxship.engine.storage.trees import tree_size
from boxship.errors import InvalidParameterError
from boxship.linux import mount

_LOCKS = 32
_VIEW = "view-"
"""Begins the names of views beside the containers' ids."""
_FEW_ENTRIES = 8
"""A layer with more has certainly something in it."""
DEFAULT_LIMITS = LayerLimits()


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """A layer that is ready for use."""

    chain_id: str
    diff_id: str
    size: int
    """Unpacked bytes of this layer alone."""


@dataclass(frozen=True, slots=True)
class CapturedLayer:
    """A layer that was made of a container's changes."""

    info: LayerInfo
    archive_size: int
    """Bytes of its uncompressed archive."""


@dataclass(frozen=True, slots=True)
class StorageUsage:
    """Totals for ``system df``, in bytes."""

    layers: int
    """Unpacked, each layer counted once however many images share it."""
    containers: int
    """Writable layers."""
    content: int
    """Blobs, compressed as they came."""


class StorageService:
    """Everything below the data root that holds files of images and containers.

    Methods marked [blocking] belong into a worker thread; the others take about a millisecond. All
    are safe from several threads.
    """

    def __init__(
        self, data_root: Path, driver: str = "", limits: LayerLimits = DEFAULT_LIMITS
    ) -> None:
        self._data_root = data_root
        self.limits = limits
        """Where unpacking stops, for layers that begin from now on."""
        self.content = ContentStore(data_root / "content")
        self.content.open_store()
        with disk_errors("opening the data root", data_root):
            self._driver, self.driver_reason = open_driver(data_root, driver)
        self._unmounter = Background("storage unmount")
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._unwanted: set[str] = set()
        self._counting = threading.Lock()
        self._borrowers: Counter[str] = Counter()
        self._temporary: set[str] = set()
        """Containers that are mounted for their borrowers only."""

    def close(self) -> None:
        """Finish background work. Mounted containers stay mounted. [blocking]"""
        self._unmounter.close()
        self.content.close()
        self._driver.close()

    def wait_background(self) -> None:
        """Return when all removals and unmounts asked for so far are done. [blocking]"""
        self._unmounter.wait()
        self._layout.wait_discarded()

    @property
    def data_root(self) -> Path:
        """The directory that holds everything that must survive."""
        return self._data_root

    @property
    def driver_name(self) -> str:
        """Docker's name of the snapshot driver."""
        return self._driver.name

    @property
    def driver_status(self) -> list[tuple[str, str]]:
        """Rows for ``info`` below the driver's name; the last says why it was chosen."""
        return [*self._driver.status(), ("Reason", self.driver_reason)]

    @property
    def _layout(self) -> Layout:
        return self._driver.layout

    # layers

    def has_layer(self, chain: str) -> bool:
        """Tell whether the layer is unpacked here.

        A layer that was unpacked moments before a power cut is gone after it: apply it again.
        """
        return self._layout.has_layer(chain)

    def layer(self, chain: str) -> LayerRecord:
        """Return what is known of a layer; NotFoundError without it."""
        return self._layout.layer(chain)

    def layer_size(self, chain: str) -> int:
        """Return the unpacked bytes of a layer alone; NotFoundError without it."""
        return self._layout.layer(chain).size

    def layers(self) -> Iterator[str]:
        """Yield the chain ids of all layers."""
        return self._layout.layer_ids()

    def apply_layer(
        self,
        stream: BinaryIO | Iterable[bytes],
        *,
        parent: str | None,
        expected_diff_id: str | None = None,
        blob: str = "",
        limits: LayerLimits | None = None,
    ) -> LayerInfo:
        """Unpack a layer, compressed as it comes, on top of ``parent``. [blocking]

        ``blob``: digest under which the stream's own bytes are kept in the content store, so that
        ``open_layer_tar`` can give them back. With an ``expected_diff_id`` that is here already
        the stream is not read. ``limits``: others than the service's own. All or nothing: a failure
        leaves no trace. Raises NotFoundError for the parent, CorruptContentError for another digest
        than expected, and the errors of ``unpack``.
        """
        if expected_diff_id and self.has_layer(chain_id(parent, expected_diff_id)):
            return self._info(chain_id(parent, expected_diff_id))
        if parent:
            self._layout.layer(parent)
        with disk_errors("unpacking a layer", self._data_root):
            draft = self._layout.draft()
            try:
                record = self._unpack(
                    draft, stream, parent, expected_diff_id, blob, limits or self.limits
                )
                self._layout.publish_layer(draft, record)
            except BaseException:
                self._layout.discard(draft)
                raise
        return self._info(record.chain_id)

    @property
    def unpacks_ahead(self) -> bool:
        """Whether ``unpack_ahead`` can be used."""
        return self._driver.unpacks_ahead

    def unpack_ahead(self, stream: BinaryIO | Iterable[bytes]) -> LayerAhead:
        """Unpack a layer whose parent is not here yet, for ``place_layer``. [blocking]

        To be placed or discarded. Raises NeedsParentError, and what ``apply_layer`` raises.
        """
        with disk_errors("unpacking a layer", self._data_root):
            draft = self._layout.draft()
            try:
                with LayerPipeline(chunks_of(stream), self.limits) as pipeline:
                    unpacked = self._driver.unpack_ahead(draft, pipeline, self.limits)
            except BaseException:
                self._layout.discard(draft)
                raise
        return LayerAhead(draft, pipeline.diff_id, unpacked)

    def place_layer(
        self, ahead: LayerAhead, *, parent: str | None, expected_diff_id: str, blob: str
    ) -> LayerInfo:
        """Put a layer on its parent, which is here now; see ``apply_layer``. [blocking, short]

        It is discarded on failure.
        """
        try:
            record = _record(ahead.diff_id, ahead.unpacked, parent, expected_diff_id, blob)
            with disk_errors("unpacking a layer", self._data_root):
                self._driver.place(ahead.draft, parent, ahead.unpacked)
                self._layout.publish_layer(ahead.draft, record)
        except BaseException:
            self.discard_ahead(ahead)
            raise
        return self._info(record.chain_id)

    def discard_ahead(self, ahead: LayerAhead) -> None:
        """Give up a layer that was unpacked ahead."""
        self._layout.discard(ahead.draft)

    def open_layer_tar(self, chain: str) -> Iterator[bytes]:
        """Yield the layer's uncompressed archive, whose digest is its diff id. [blocking]

        It comes from the kept blob. Layers that were packed here (commit, import of a directory)
        are packed again, which gives the same bytes; should it not, CorruptContentError at the end.
        """
        record = self._layout.layer(chain)
        if record.blob and self.content.has(record.blob):
            return _decompressed(self.content.open(record.blob))
        if self.content.has(record.diff_id):
            return chunks_of(self.content.open(record.diff_id))
        return verified(self._driver.pack_layer(chain), record.diff_id)

    def set_layer_blob(self, chain: str, digest: str) -> None:
        """Say that the content store keeps a layer's archive under another digest now.

        Its uncompressed bytes must be the same as before.
        """
        self._layout.set_blob(chain, digest)

    def remove_layer(self, chain: str) -> None:
        """Remove a layer that nothing stands on; harmless without it. [blocking, short]"""
        self._layout.remove_layer(chain)

    @property
    def contents(self) -> LayerContents:
        """The files in layers, to be looked at."""
        return LayerContents(self._layout, self._driver.name)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give an empty directory for work under way; it goes at the end, or at the next start.

        [blocking, short]
        """
        with disk_errors("making a directory", self._data_root):
            draft = self._layout.draft()
        try:
            yield draft
        finally:
            self._layout.discard(draft)

    # views

    def mount_view(self, view_id: str, chain: str | None, target: Path) -> None:
        """Show the root filesystem of a layer at a directory, read-only. [blocking]

        All or nothing. Raises InternalError when the kernel refuses.
        """
        name = _VIEW + view_id
        self.create_container(name, chain)
        try:
            root = self.mount_container(name, volatile=True)
            with disk_errors("mounting an image", target):
                mount.bind(root, target)
                mount.remount(target, mount.MS_BIND | mount.MS_RDONLY)
        except BaseException:
            self.unmount_view(view_id, target)
            raise

    def unmount_view(self, view_id: str, target: Path) -> None:
        """Undo ``mount_view``, lazily where files are open; harmless without it. [blocking]"""
        if mount.is_mount_point(target):
            mount.unmount(target, mount.MNT_DETACH)
        self.remove_container(_VIEW + view_id)

    def is_view_mounted(self, view_id: str, target: Path) -> bool:
        """Tell whether a view is whole: its tree mounted, and shown read-only at the directory."""
        if not self._driver.is_mounted(_VIEW + view_id):
            return False
        found = [point for point in mount.mount_points() if point.target == str(target)]
        return bool(found) and "ro" in found[-1].options.split(",")

    def view_ids(self) -> list[str]:
        """Return the ids of all views, mounted or not."""
        names = self._layout.container_ids()
        return [name.removeprefix(_VIEW) for name in names if name.startswith(_VIEW)]

    # containers

    def check_container_options(self, options: Mapping[str, str]) -> None:
        """Refuse storage options (``--storage-opt``): InvalidParameterError where there are any."""
        for key in options:
            if key.lower() != "size":
                raise InvalidParameterError(f"Unknown option {key}")
            raise InvalidParameterError(
                f"--storage-opt is not supported for {self.driver_name}: the engine sets no quotas "
                "on writable layers; put what may grow on a volume with a file system of its own"
            )

    def create_container(self, container_id: str, chain: str | None) -> None:
        """Give a container a writable tree on a layer, or an empty one.

        Raises NotFoundError for a missing layer, ConflictError if the container has one.
        [blocking; under 1 ms with overlay]
        """
        with disk_errors("creating a container", self._data_root):
            self._driver.create(container_id, chain)

    def mount_container(self, container_id: str, *, volatile: bool = False) -> Path:
        """Mount the container's root filesystem and return where. Idempotent; about 1 ms.

        ``volatile`` is for containers that are removed when they end: fsync inside does nothing,
        and neither does unmounting wait for the disk.
        """
        with self._lock(container_id):
            self._unwanted.discard(container_id)
            with self._counting:
                self._temporary.discard(container_id)
            return self._driver.mount(container_id, volatile=volatile)

    @contextmanager
    def borrowed(self, container_id: str) -> Iterator[Path]:
        """Give a container's mounted root filesystem to somebody who only visits. [blocking]

        It is unmounted after the last visitor where nobody else wants it: whoever starts the
        container meanwhile keeps the mount, and whoever stops it takes it from no visitor.
        """
        with self._lock(container_id):
            with self._counting:
                is_wanted = container_id not in self._unwanted
                if not (is_wanted and self._driver.is_mounted(container_id)):
                    self._temporary.add(container_id)
                self._borrowers[container_id] += 1
            self._unwanted.discard(container_id)
            try:
                rootfs = self._driver.mount(container_id, volatile=False)
            except BaseException:
                self._give_back(container_id)
                raise
        try:
            yield rootfs
        finally:
            if self._give_back(container_id):
                self.unmount_container(container_id)

    def _give_back(self, container_id: str) -> bool:
        """Count one visitor less; tell whether the mount was there for visitors only."""
        with self._counting:
            self._borrowers[container_id] -= 1
            if self._borrowers[container_id]:
                return False
            del self._borrowers[container_id]
            is_temporary = container_id in self._temporary
            self._temporary.discard(container_id)
            return is_temporary

    def unmount_container(self, container_id: str) -> None:
        """Unmount soon, in the background, unless it is mounted again before that.

        The kernel flushes the whole disk at that moment: nobody should wait for it.
        """
        with self._counting:
            if self._borrowers[container_id]:
                self._temporary.add(container_id)
                return
        self._unwanted.add(container_id)
        self._unmounter.submit(partial(self._unmount, container_id))

    def remove_container(self, container_id: str) -> None:
        """Remove a container's tree; its bytes go in the background. Harmless without it."""
        with self._lock(container_id):
            self._unwanted.discard(container_id)
            self._driver.remove(container_id)

    def container_ids(self) -> list[str]:
        """Return the ids of all containers that have a tree here."""
        return [name for name in self._layout.container_ids() if not name.startswith(_VIEW)]

    def chains_of_containers(self, without: Collection[str] = ()) -> set[str]:
        """Return the chain ids of all layers that containers and views stand on, to the bases.

        without: ids of containers that do not count.
        """
        names = (name for name in self._layout.container_ids() if name not in without)
        tops = {self._layout.container_parent(name) for name in names}
        return {chain for top in tops for chain in self._layout.chain(top)}

    def chain_of_container(self, container_id: str) -> tuple[str, ...]:
        """Return the chain ids of the layers that one container stands on, the base first."""
        top_first = self._layout.chain(self._layout.container_parent(container_id))
        return tuple(reversed(top_first))

    def is_mounted(self, container_id: str) -> bool:
        """Tell whether the root filesystem is mounted."""
        return self._driver.is_mounted(container_id)

    def container_size(self, container_id: str) -> int:
        """Return the bytes of files in the writable layer. [blocking]"""
        return self._driver.size(container_id)

    def container_rootfs_size(self, container_id: str) -> int:
        """Return the bytes of writable layer and image together. [blocking]"""
        layers = self._layout.chain(self._layout.container_parent(container_id))
        return self.container_size(container_id) + sum(map(self.layer_size, layers))

    def graph_driver(self, container_id: str) -> tuple[str, dict[str, str]]:
        """Return name and data as inspect shows them."""
        return self._driver.name, self._driver.graph_data(container_id)

    def changes(self, container_id: str) -> list[Change]:
        """Return what the container changed of its image, sorted by path. [blocking]"""
        return self._driver.changes(container_id)

    def export(self, container_id: str) -> Iterator[bytes | OpenFile]:
        """Yield an archive of the whole root filesystem, large files as such. [blocking]"""
        with self.borrowed(container_id) as rootfs:
            yield from pack_for_sending(rootfs)

    def capture_container(
        self, container_id: str, *, skip: Callable[[Node], bool] = keep_all
    ) -> CapturedLayer:
        """Make a layer of what the container changed. [blocking]

        Its archive is kept nowhere: ``open_layer_tar`` packs the layer again. ``skip``: leaves a
        node out, and all below it. All or nothing, as ``apply_layer``. Raises NotFoundError,
        StorageFullError, CorruptContentError for a file that shrinks while it is read.
        """
        with self._capturing(container_id, skip) as (draft, record, archive_size):
            self._layout.publish_layer(draft, record)
        return CapturedLayer(self._info(record.chain_id), archive_size)

    def capture_changes(
        self,
        container_id: str,
        *,
        skip: Callable[[Node], bool],
        is_nothing: Callable[[Sequence[Change]], bool],
    ) -> CapturedLayer | None:
        """Make a layer as ``capture_container``; none where the changes amount to nothing.

        [blocking] ``is_nothing`` is asked where they are few.
        """
        with self._capturing(container_id, skip) as (draft, record, archive_size):
            if record.entries <= _FEW_ENTRIES and is_nothing(self.changes(container_id)):
                self._layout.discard(draft)
                return None
            self._layout.publish_layer(draft, record)
        return CapturedLayer(self._info(record.chain_id), archive_size)

    @contextmanager
    def _capturing(
        self, container_id: str, skip: Callable[[Node], bool]
    ) -> Iterator[tuple[Path, LayerRecord, int]]:
        """Give a draft with a container's changes, its record, and its archive's size."""
        self._layout.container(container_id)
        parent = self._layout.container_parent(container_id) or ""
        with disk_errors("committing a container", self._data_root):
            draft = self._layout.draft()
            try:
                with Digester() as digester:
                    found = self._driver.capture(container_id, draft, digester.update, skip)
                record = LayerRecord(
                    chain_id=chain_id(parent, digester.digest),
                    diff_id=digester.digest,
                    parent=parent,
                    size=found.size,
                    entries=found.entries,
                )
                yield draft, record, digester.size
            except BaseException:
                self._layout.discard(draft)
                raise

    def usage(self) -> StorageUsage:
        """Measure everything. [blocking]"""
        return StorageUsage(
            layers=sum(map(self.layer_size, self.layers())),
            containers=sum(map(self.container_size, self.container_ids())),
            content=tree_size(self.content.root / "blobs"),
        )

    def _unpack(
        self,
        draft: Path,
        stream: BinaryIO | Iterable[bytes],
        parent: str | None,
        expected_diff_id: str | None,
        blob: str,
        limits: LayerLimits,
    ) -> LayerRecord:
        with LayerPipeline(chunks_of(stream), limits) as pipeline:
            unpacked = self._driver.unpack(draft, parent, pipeline, limits)
        return _record(pipeline.diff_id, unpacked, parent, expected_diff_id, blob)

    def _info(self, chain: str) -> LayerInfo:
        record = self._layout.layer(chain)
        return LayerInfo(record.chain_id, record.diff_id, record.size)

    def _unmount(self, container_id: str) -> None:
        with self._lock(container_id):
            if container_id in self._unwanted:
                self._unwanted.discard(container_id)
                self._driver.unmount(container_id)

    def _lock(self, container_id: str) -> threading.Lock:
        """Containers share a few locks, so that none has to be kept for each."""
        return self._locks[hash(container_id) % _LOCKS]


def _record(
    diff_id: str, unpacked: Unpacked, parent: str | None, expected_diff_id: str | None, blob: str
) -> LayerRecord:
    if expected_diff_id not in (None, diff_id):
        raise CorruptContentError(
            f"layer verification failed: the archive has digest {diff_id}, its image's "
            f"configuration says {expected_diff_id}"
        )
    return LayerRecord(
        chain_id=chain_id(parent, diff_id),
        diff_id=diff_id,
        parent=parent or "",
        size=unpacked.size,
        entries=unpacked.entries,
        blob=blob,
    )


def _decompressed(file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield from decompress(chunks_of(file))
