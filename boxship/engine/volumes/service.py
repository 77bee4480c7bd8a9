"""The verbs of volumes."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from boxship.engine.events.service import EventService
from boxship.engine.plugins.registry import PluginRegistry
from boxship.engine.state.database import Database
from boxship.engine.storage.errors import disk_errors
from boxship.engine.storage.trees import tree_size
from boxship.engine.volumes.copy_up import copy_content
from boxship.engine.volumes.drivers.local import LocalDriver
from boxship.engine.volumes.drivers.plugin import PluginDriver, PluginVolume
from boxship.engine.volumes.extras import VolumeExtras
from boxship.engine.volumes.filters import Filters, prunable, select
from boxship.engine.volumes.names import check_name
from boxship.engine.volumes.store import VolumeStore
from boxship.engine.volumes.volume import ANONYMOUS_LABEL, LOCAL, NOWHERE, Volume
from boxship.errors import ConflictError, InternalError, NotFoundError, NotSupportedError
from boxship.ids import new_id

_PLUGIN_THREADS = 16
"""Calls of plugins at a time. Not those of the other work: a plugin that hangs holds none up."""

_BUSY = "the volume is being created, restored or removed just now"
T = TypeVar("T")

_log = logging.getLogger(__name__)


class VolumeService:
    """Volumes, and which containers use them.

    Methods marked [blocking] touch no state and belong into a worker thread; the others belong to
    the event loop's thread.
    """

    def __init__(
        self,
        database: Database,
        events: EventService,
        data_root: Path,
        plugins: PluginRegistry | None = None,
    ) -> None:
        self._database = database
        self._events = events
        self._store = VolumeStore(database)
        self._driver = LocalDriver(data_root / "volumes")
        self._driver.open()
        self._volumes = {
            volume.name: volume for volume in self._store.load(self._driver.mountpoint)
        }
        self._plugins = PluginDriver(plugins or PluginRegistry())
        self._threads = ThreadPoolExecutor(_PLUGIN_THREADS, thread_name_prefix="volume-plugins")
        self._places: dict[str, Path] = {}
        """Where plugins have mounted their volumes."""
        self._busy: set[str] = set()
        """Names of volumes that are created, replaced or removed in a thread just now."""
        self.extras = VolumeExtras(self)
        self._reconcile()

    def close(self) -> None:
        """Finish background work; mounted volumes stay mounted. [blocking]"""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._driver.close()

    def create(
        self,
        name: str | None = None,
        driver: str = "",
        driver_opts: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        anonymous: bool = False,
    ) -> Volume:
        """Make a local volume, or return the one of that name, of the same driver if one is given.

        Without a name it gets one of 64 digits and is anonymous. Volumes of plugins take time:
        ``make`` makes them. Raises InvalidParameterError, ConflictError, NotFoundError for an
        unknown driver.
        """
        volume = self._planned(name, driver, driver_opts, labels, anonymous)
        if volume.name in self._volumes:
            return volume
        if not volume.is_local:
            raise NotFoundError(
                f'create {volume.name}: error looking up volume plugin {driver}: plugin "{driver}" '
                "not found"
            )
        self._driver.create(volume)
        self._insert(volume)
        return volume

    async def make(
        self,
        name: str | None = None,
        driver: str = "",
        driver_opts: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Volume:
        """Do what ``create`` does, also for volumes of plugins.

        Raises PluginError besides.
        """
        volume = self._planned(name, driver, driver_opts, labels, False)
        if volume.is_local or volume.name in self._volumes:
            return self.create(volume.name, driver, driver_opts, labels, volume.anonymous)
        with _Claim(self._busy, volume.name, "create"):
            try:
                await self._in_plugin(
                    lambda: self._plugins.create(volume.driver, volume.name, volume.options)
                )
            except (NotFoundError, InternalError) as error:
                raise type(error)(f"create {volume.name}: {error}") from error
            scope = await self._in_plugin(lambda: self._plugins.scope(volume.driver))
            self._insert(replace(volume, scope=scope))
        return self._volumes[volume.name]

    def _planned(
        self,
        name: str | None,
        driver: str,
        options: Mapping[str, str] | None,
        labels: Mapping[str, str] | None,
        anonymous: bool,
    ) -> Volume:
        """Return the volume of that name, or the one that is to be made."""
        anonymous = anonymous or not name
        name = name or new_id()
        check_name(name)
        if name in self._busy:
            raise ConflictError(f"create {name}: {_BUSY}")
        existing = self._volumes.get(name)
        if existing is not None and driver in ("", existing.driver):
            return existing
        if existing is not None:
            raise ConflictError(
                f"create {name}: driver '{existing.driver}' already has volume '{name}': conflict: "
                "volume name must be unique"
            )
        driver = driver or LOCAL
        return Volume(
            name=name,
            driver=driver,
            mountpoint=self.mountpoint(name) if driver == LOCAL else NOWHERE,
            created_at_ns=time.time_ns(),
            labels={**(labels or {}), **({ANONYMOUS_LABEL: ""} if anonymous else {})},
            options=dict(options or {}),
        )

    async def create_filled(
        self, name: str, labels: Mapping[str, str], fill: Callable[[Path], None]
    ) -> Volume:
        """Make a local volume whose files ``fill`` puts into the directory that it is given.

        Nobody sees it before it is complete. ``fill`` runs in a worker thread. Raises ConflictError
        where the name is taken, StorageFullError, what ``fill`` raises.
        """
        if self.has(name):
            raise ConflictError(f"create {name}: a volume of that name exists already")
        volume = self._planned(name, LOCAL, None, labels, False)
        with _Claim(self._busy, name, "create"):
            await asyncio.to_thread(self._driver.create, volume, fill)
            self._insert(volume)
        return volume

    async def replace_files(self, name: str, fill: Callable[[Path], None]) -> None:
        """Put what ``fill`` makes in the place of a local volume's files, all or nothing."""
        volume = self.get(name)
        with _Claim(self._busy, name, "restore"):
            await asyncio.to_thread(self._driver.replace_files, volume, fill)

    def rename(self, name: str, new: str) -> Volume:
        """Give a local volume that no container uses another name.

        Raises ConflictError, InvalidParameterError, NotSupportedError for a plugin's.
        """
        volume = self.get(name)
        if not volume.is_local:
            raise NotSupportedError(f"rename {name}: plugins have no way to rename a volume")
        check_name(new)
        if self.has(new) or {name, new} & self._busy:
            raise ConflictError(f"rename {name}: a volume {new} exists already, or one is busy")
        self._removable(name, "rename")
        renamed = replace(volume, name=new, mountpoint=self._driver.mountpoint(new))
        with self._database.transaction() as tx:
            self._store.delete(tx, name)
            self._store.insert(tx, renamed)
            self._events.record(tx, "volume", "rename", new, {"oldName": name})
            self._driver.rename(name, new)
        del self._volumes[name]
        self._volumes[new] = renamed
        return renamed

    async def describe(self, name: str) -> tuple[Volume, PluginVolume]:
        """Return a volume and what its plugin says of it; the latter is empty for a local one.

        Raises NotFoundError, also where the plugin knows it no more, and PluginError.
        """
        volume = self.get(name)
        if volume.is_local:
            return volume, PluginVolume()
        return volume, await self._in_plugin(lambda: self._plugins.get(volume.driver, name))

    def has(self, name: str) -> bool:
        """Tell whether there is a volume of that name."""
        return name in self._volumes

    def get(self, name: str) -> Volume:
        """Return a volume; NotFoundError without it."""
        volume = self._volumes.get(name)
        if volume is None:
            raise NotFoundError(f"get {name}: no such volume")
        return volume

    def list(self, filters: Filters) -> Sequence[Volume]:
        """Return the volumes that pass: dangling, driver, label, name."""
        return select(self._volumes.values(), filters, self._store.used)

    def remove(self, name: str, force: bool = False) -> None:
        """Remove a local volume; ConflictError while containers use it, stopped ones too.

        ``force`` makes it harmless without the volume.
        """
        if force and name not in self._volumes:
            return
        volume = self._removable(name)
        self._driver.remove(volume)
        self._forget(volume)

    async def discard(self, name: str, force: bool = False) -> None:
        """Do what ``remove`` does, also for volumes of plugins.

        ``force`` forgets a volume that its plugin cannot remove.
        """
        volume = self._volumes.get(name)
        if volume is None or volume.is_local:
            self.remove(name, force)
            return
        self._removable(name)
        with _Claim(self._busy, name, "remove"):
            try:
                await self._in_plugin(lambda: self._plugins.remove(volume.driver, name))
            except (NotFoundError, InternalError) as error:
                if not force:
                    raise type(error)(f"remove {name}: {error}") from error
                _log.warning("volume %s is forgotten, but not removed: %s", name, error)
            self._forget(volume)

    def _removable(self, name: str, verb: str = "remove") -> Volume:
        volume = self.get(name)
        if name in self._busy:
            raise ConflictError(f"{verb} {name}: {_BUSY}")
        users = self._store.users(name)
        if users:
            raise ConflictError(f"{verb} {name}: volume is in use - [{', '.join(users)}]")
        return volume

    def _forget(self, volume: Volume) -> None:
        del self._volumes[volume.name]
        self._places.pop(volume.name, None)
        with self._database.transaction() as tx:
            self._store.delete(tx, volume.name)
            self._events.record(tx, "volume", "destroy", volume.name, {"driver": volume.driver})

    async def prune(self, filters: Filters) -> tuple[Sequence[str], int]:
        """Remove unused anonymous volumes, or all unused ones with the filter ``all``.

        Returns their names and the bytes they held.
        """
        names = []
        freed = 0
        for volume in prunable(tuple(self._volumes.values()), filters):
            if self._store.users(volume.name):
                continue
            size = await asyncio.to_thread(self.size, volume.name)
            try:
                self.remove(volume.name)
            except (ConflictError, NotFoundError):  # taken or removed while we measured
                continue
            freed += size
            names.append(volume.name)
        self._events.emit("volume", "prune", "", {"reclaimed": str(freed)})
        return names, freed

    async def plan_prune(
        self, filters: Filters, without: Collection[str] = ()
    ) -> tuple[Sequence[str], int]:
        """Return what ``prune`` would do if the containers ``without`` were gone."""
        found = prunable(tuple(self._volumes.values()), filters)
        names = [one.name for one in found if not set(self._store.users(one.name)) - set(without)]
        sizes = [await asyncio.to_thread(self.size, name) for name in names]
        return names, sum(sizes)

    # references

    def acquire(self, name: str, container_id: str) -> None:
        """Note that a container uses a volume, so that it cannot be removed. Idempotent."""
        self.get(name)
        if name in self._busy:
            raise ConflictError(f"volume {name}: {_BUSY}")
        with self._database.transaction() as tx:
            self._store.add_user(tx, name, container_id)

    def release(self, container_id: str) -> Sequence[str]:
        """Forget a container; return the anonymous volumes that nobody uses any more."""
        with self._database.transaction() as tx:
            names = self._store.remove_user(tx, container_id)
        used = self._store.used() if names else set()
        return [name for name in names if name not in used and self._volumes[name].anonymous]

    def users(self, name: str) -> Sequence[str]:
        """Return the ids of the containers that use a volume."""
        return self._store.users(name)

    def list_users(self) -> set[str]:
        """Return the ids of all containers that use volumes."""
        return self._store.all_users()

    # files

    def mountpoint(self, name: str) -> Path:
        """Return where the files of a volume are, or would be."""
        return self._places.get(name) or self._driver.mountpoint(name)

    async def attach(
        self, name: str, container_id: str, *, destination: str, read_write: bool, propagation: str
    ) -> None:
        """Mount a volume for a container that starts; says so by an event. [as ``mount``]"""
        volume = self.get(name)
        if name in self._busy:
            raise ConflictError(f"volume {name}: {_BUSY}")
        with self._database.transaction() as tx:  # before the act: a crash leaves nothing mounted
            self._store.add_mount(tx, name, container_id)
        if volume.is_local and not volume.options:
            self._driver.mount(volume, container_id)
        elif volume.is_local:
            await asyncio.to_thread(self._driver.mount, volume, container_id)
        else:
            await self._in_plugin(lambda: self.mount(name, container_id))
        attributes = {
            "container": container_id,
            "destination": destination,
            "driver": volume.driver,
            "propagation": propagation,
            "read/write": str(read_write).lower(),
        }
        self._events.emit("volume", "mount", name, attributes)

    async def detach(self, container_id: str) -> None:
        """Undo every ``attach`` of a container. Idempotent; failures of plugins are logged."""
        mounted = self._store.mounts(container_id)
        for name, times in mounted.items():
            await self._detach(name, container_id, times)
        if not any(mounted.values()):
            return
        with self._database.transaction() as tx:
            self._store.clear_mounts(tx, container_id)
            for name, times in mounted.items():
                attributes = {"container": container_id, "driver": self.get(name).driver}
                for _ in range(times):
                    self._events.record(tx, "volume", "unmount", name, attributes)

    async def _detach(self, name: str, container_id: str, times: int) -> None:
        if self.get(name).is_local:
            self.unmount(name, container_id)
        if self.get(name).is_local or not times:
            return
        try:
            await self._in_plugin(lambda: self.unmount(name, container_id))
        except (NotFoundError, InternalError) as error:
            _log.warning("volume %s may still be mounted by its plugin: %s", name, error)

    def mount(self, name: str, container_id: str) -> Path:
        """Make the volume's files available to a container; returns where. Idempotent. [blocking]

        Only volumes of plugins and those with the options type and device have anything to mount.
        Raises InternalError with the kernel's or the plugin's reason.
        """
        volume = self.get(name)
        if volume.is_local:
            return self._driver.mount(volume, container_id)
        try:
            place = self._plugins.mount(volume.driver, name, container_id)
        except (NotFoundError, InternalError) as error:
            raise type(error)(f"error while mounting volume '{name}': {error}") from error
        self._places[name] = place
        return place

    def unmount(self, name: str, container_id: str) -> None:
        """Undo ``mount`` for this container; harmless without it, but for plugins. [blocking]"""
        volume = self._volumes.get(name)
        if volume is None:
            return
        if volume.is_local:
            self._driver.unmount(volume, container_id)
        else:
            self._plugins.unmount(volume.driver, name, container_id)

    async def in_thread(self, name: str, work: Callable[[], T]) -> T:
        """Run work on a volume in a thread that its driver may hold up."""
        if self.get(name).is_local:
            return await asyncio.to_thread(work)
        return await self._in_plugin(work)

    async def _in_plugin(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def copy_up(self, name: str, rootfs: Path, path: str) -> None:
        """Fill a volume, if it is empty, with what a root filesystem has at ``path``. [blocking]

        Owners, modes, attributes and links are kept; nothing outside ``rootfs`` is read. Raises
        StorageFullError and leaves the volume empty when the disk is full.
        """
        volume = self.get(name)
        if volume.is_local:
            self._driver.copy_up(volume, rootfs, path)
            return
        user = f"copy-up-{new_id()[:12]}"
        place = self.mount(name, user)
        try:
            if not any(place.iterdir()):
                with disk_errors(f"copying the image's content to volume {name}", place):
                    copy_content(rootfs, path, place)
        finally:
            self.unmount(name, user)

    def size(self, name: str) -> int:
        """Return the bytes of the files in a volume. [blocking]"""
        try:
            return tree_size(self.mountpoint(name))
        except FileNotFoundError:
            return 0

    def wait_background(self) -> None:
        """Return when the files of all removed volumes are off the disk. [blocking]"""
        self._driver.wait_removed()

    def _insert(self, volume: Volume) -> None:
        self._volumes[volume.name] = volume
        with self._database.transaction() as tx:
            self._store.insert(tx, volume)
            self._events.record(tx, "volume", "create", volume.name, {"driver": volume.driver})

    def _reconcile(self) -> None:
        """Make state and disk agree after a crash or a restored backup.

        A directory without a row is files of somebody: it becomes a volume again, unless it is
        empty, as that of a creation that was cut off. A row without a directory was being removed.
        """
        on_disk = set(self._driver.names())
        for name in on_disk - self._volumes.keys():
            if not any(self.mountpoint(name).iterdir()):
                self._driver.remove_directory(name)
                continue
            volume = Volume(
                name=name,
                mountpoint=self.mountpoint(name),
                created_at_ns=self._driver.created_at_ns(name),
            )
            _log.warning("volume %s was found on the disk and is known again", name)
            self._insert(volume)
        local = {volume.name for volume in self._volumes.values() if volume.is_local}
        for name in local - on_disk:
            _log.warning("volume %s has no directory any more and is forgotten", name)
            with self._database.transaction() as tx:
                self._store.delete(tx, name)
            del self._volumes[name]


class _Claim:
    """Keeps a name for one who creates or removes it outside of the event loop's thread."""

    def __init__(self, busy: set[str], name: str, verb: str) -> None:
        self._busy, self._name, self._verb = busy, name, verb

    def __enter__(self) -> None:
        if self._name in self._busy:
            raise ConflictError(f"{self._verb} {self._name}: {_BUSY}")
        self._busy.add(self._name)

    def __exit__(self, *_: object) -> None:
        self._busy.discard(self._name)
