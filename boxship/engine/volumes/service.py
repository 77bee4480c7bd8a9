"""The verbs of volumes."""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from boxship.engine.events.service import EventService
from boxship.engine.state.database import Database
from boxship.engine.storage.trees import tree_size
from boxship.engine.volumes.drivers.local import LocalDriver
from boxship.engine.volumes.filters import Filters, prunable, select
from boxship.engine.volumes.names import check_name
from boxship.engine.volumes.store import VolumeStore
from boxship.engine.volumes.volume import ANONYMOUS_LABEL, Volume
from boxship.errors import ConflictError, NotFoundError
from boxship.ids import new_id

_log = logging.getLogger(__name__)


class VolumeService:
    """Volumes, and which containers use them.

    Methods marked [blocking] touch no state and belong into a worker thread; the others belong to
    the event loop's thread.
    """

    def __init__(self, database: Database, events: EventService, data_root: Path) -> None:
        self._database = database
        self._events = events
        self._store = VolumeStore(database)
        self._driver = LocalDriver(data_root / "volumes")
        self._driver.open()
        self._volumes = {volume.name: volume for volume in self._store.load(self.mountpoint)}
        self._reconcile()

    def close(self) -> None:
        """Finish background work; mounted volumes stay mounted. [blocking]"""
        self._driver.close()

    def create(
        self,
        name: str | None = None,
        driver: str = "local",
        driver_opts: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        anonymous: bool = False,
    ) -> Volume:
        """Make a volume, or return the one of that name if it has the same driver.

        Without a name it gets one of 64 digits and is anonymous. Raises InvalidParameterError,
        ConflictError, NotFoundError for an unknown driver.
        """
        anonymous = anonymous or not name
        name = name or new_id()
        check_name(name)
        existing = self._volumes.get(name)
        if existing is not None and existing.driver == driver:
            return existing
        if existing is not None:
            raise ConflictError(f"create {name}: conflict: volume name must be unique")
        if driver != LocalDriver.name:
            raise NotFoundError(
                f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not '
                "found"
            )
        volume = Volume(
            name=name,
            driver=driver,
            mountpoint=self.mountpoint(name),
            created_at_ns=time.time_ns(),
            labels={**(labels or {}), **({ANONYMOUS_LABEL: ""} if anonymous else {})},
            options=dict(driver_opts or {}),
        )
        self._driver.create(volume)
        self._insert(volume)
        return volume

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
        """Remove a volume; ConflictError while containers use it, stopped ones too.

        ``force`` makes it harmless without the volume.
        """
        if force and name not in self._volumes:
            return
        volume = self.get(name)
        users = self._store.users(name)
        if users:
            raise ConflictError(f"remove {name}: volume is in use - [{', '.join(users)}]")
        self._driver.remove(volume)
        del self._volumes[name]
        with self._database.transaction() as tx:
            self._store.delete(tx, name)
            self._events.record(tx, "volume", "destroy", name, {"driver": volume.driver})

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
        return self._driver.mountpoint(name)

    def mount(self, name: str, container_id: str) -> Path:
        """Make the volume's files available to a container; returns where. Idempotent. [blocking]

        Only volumes with the options type and device have anything to mount. Raises InternalError
        with the kernel's reason.
        """
        return self._driver.mount(self.get(name), container_id)

    def unmount(self, name: str, container_id: str) -> None:
        """Undo ``mount`` for this container; harmless without it. [blocking]"""
        volume = self._volumes.get(name)
        if volume is not None:
            self._driver.unmount(volume, container_id)

    def copy_up(self, name: str, rootfs: Path, path: str) -> None:
        """Fill a volume, if it is empty, with what a root filesystem has at ``path``. [blocking]

        Owners, modes, attributes and links are kept; nothing outside ``rootfs`` is read. Raises
        StorageFullError and leaves the volume empty when the disk is full.
        """
        self._driver.copy_up(self.get(name), rootfs, path)

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
        for name in self._volumes.keys() - on_disk:
            _log.warning("volume %s has no directory any more and is forgotten", name)
            with self._database.transaction() as tx:
                self._store.delete(tx, name)
            del self._volumes[name]
