"""Showing images' root filesystems on the host, read-only.

A mount outlives the engine; after a reboot, or when somebody else unmounted it, the next start
forgets it.
"""

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from boxship.engine.images.catalog import Catalog
from boxship.engine.images.image import Image
from boxship.engine.images.reclaim import Reclaimer
from boxship.engine.images.registration import Registrar
from boxship.engine.images.workers import Workers
from boxship.engine.state.database import Database, Transaction
from boxship.engine.storage.service import StorageService
from boxship.errors import ConflictError, InvalidParameterError, NotFoundError
from boxship.ids import new_id

_ID_LENGTH = 16
"""Views with longer names belong to containers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMount:
    """An image that can be seen at a directory of the host."""

    id: str
    image_id: str
    target: str
    made_target: bool
    """The directory is ours, and goes with the mount."""
    created_at_ns: int


class Mounter:
    """Mounts images and remembers where."""

    def __init__(
        self,
        *,
        database: Database,
        storage: StorageService,
        catalog: Catalog,
        registrar: Registrar,
        reclaimer: Reclaimer,
        workers: Workers,
        directory: Path,
    ) -> None:
        """directory: where images are mounted for which nobody names a place."""
        self._database = database
        self._storage = storage
        self._catalog = catalog
        self._registrar = registrar
        self._reclaimer = reclaimer
        self._workers = workers
        self._directory = directory

    async def open(self) -> None:
        """Forget mounts that are gone, and remove what a crash left half made."""
        for found in self.mounts():
            if not await self._workers.run(partial(self._is_there, found)):
                await self._workers.run(partial(self._take_down, found))
                self._forget(found)
        known = {found.id for found in self.mounts()}
        ours = {name for name in self._storage.view_ids() if len(name) == _ID_LENGTH}
        for view_id in ours - known:
            target = self._directory / view_id
            await self._workers.run(partial(self._storage.unmount_view, view_id, target))

    def mounts(self) -> list[ImageMount]:
        """Return all mounts, the oldest first."""
        rows = self._database.query("SELECT * FROM image_mounts ORDER BY created_at_ns, id")
        return [
            ImageMount(
                id=row["id"],
                image_id=row["image_id"],
                target=row["target"],
                made_target=bool(row["made_target"]),
                created_at_ns=row["created_at_ns"],
            )
            for row in rows
        ]

    def targets(self, image_id: str) -> list[str]:
        """Return where an image is mounted."""
        return [found.target for found in self.mounts() if found.image_id == image_id]

    async def mount(self, text: str, path: str = "") -> ImageMount:
        """Mount an image at an empty directory, which is made where it is missing.

        Without a path: at a place of ours, once for each image. Raises NotFoundError,
        InvalidParameterError, ConflictError.
        """
        image = self._catalog.get(text)
        if not path and (found := self._at_own_place(image)):
            return found
        view_id = new_id()[:_ID_LENGTH]
        target = _absolute(path) if path else self._directory / view_id
        made = await self._workers.run(lambda: not target.exists())
        new = ImageMount(
            id=view_id,
            image_id=image.id,
            target=str(target),
            made_target=made,
            created_at_ns=time.time_ns(),
        )
        async with self._reclaimer.lease() as lease:
            await lease.hold(chains=image.chain_ids)
            self._note(new)
            try:
                await self._workers.run(lambda: self._put_up(new, image))
            except BaseException:
                await self._workers.run(lambda: self._take_down(new))
                self._forget(new)
                raise
        with self._database.transaction() as tx:
            self._record(tx, "mount", new)
        return new

    async def unmount(self, text: str) -> list[ImageMount]:
        """Undo the mount at a path, or all mounts of an image; return what was undone.

        Files that are open stay usable to those who have them open. Raises NotFoundError.
        """
        chosen = self._chosen(text)
        for found in chosen:
            await self._workers.run(partial(self._take_down, found))
            self._forget(found)
            with self._database.transaction() as tx:
                self._record(tx, "unmount", found)
            self._reclaim(found)
        return chosen

    def _chosen(self, text: str) -> list[ImageMount]:
        mounts = self.mounts()
        if text.startswith("/"):
            chosen = [found for found in mounts if found.target == os.path.realpath(text)]
            if not chosen:
                raise NotFoundError(f"no image is mounted at {text}: image mount lists them")
            return chosen
        image = self._catalog.get(text)
        chosen = [found for found in mounts if found.image_id == image.id]
        if not chosen:
            raise NotFoundError(f"image {text} is not mounted: image mount lists those that are")
        return chosen

    def _at_own_place(self, image: Image) -> ImageMount | None:
        own = str(self._directory)
        return next(
            (
                found
                for found in self.mounts()
                if found.image_id == image.id and os.path.dirname(found.target) == own
            ),
            None,
        )

    def _put_up(self, new: ImageMount, image: Image) -> None:
        target = Path(new.target)
        if new.made_target:
            self._directory.mkdir(exist_ok=True, mode=0o711)
            _make(target)
        else:
            _check_empty(target)
        chain = image.chain_ids[-1] if image.chain_ids else None
        self._storage.mount_view(new.id, chain, target)

    def _take_down(self, found: ImageMount) -> None:
        self._storage.unmount_view(found.id, Path(found.target))
        if found.made_target:
            try:
                os.rmdir(found.target)
            except OSError:  # gone, or somebody else put something there
                pass

    def _is_there(self, found: ImageMount) -> bool:
        return self._storage.is_view_mounted(found.id, Path(found.target))

    def _note(self, new: ImageMount) -> None:
        if any(found.target == new.target for found in self.mounts()):
            raise ConflictError(f"an image is mounted at {new.target} already: unmount it first")
        with self._database.transaction() as tx:
            tx.execute(
                "INSERT INTO image_mounts VALUES (?, ?, ?, ?, ?)",
                (new.id, new.image_id, new.target, int(new.made_target), new.created_at_ns),
            )

    def _forget(self, found: ImageMount) -> None:
        with self._database.transaction() as tx:
            tx.execute("DELETE FROM image_mounts WHERE id = ?", (found.id,))

    def _record(self, tx: Transaction, action: str, found: ImageMount) -> None:
        image = self._catalog.by_id(found.image_id)
        labels = image.labels if image else {}
        attributes = {**labels, "target": found.target}
        self._registrar.record(tx, action, found.image_id, found.image_id, attributes)

    def _reclaim(self, found: ImageMount) -> None:
        """Give back layers whose image went by another way while it was mounted."""
        if self._catalog.by_id(found.image_id) is None:
            self._reclaimer.reclaim((), list(self._storage.layers()))


def _absolute(path: str) -> Path:
    if not path.startswith("/"):
        raise InvalidParameterError(f"{path} is no absolute path: the engine has no directory")
    return Path(os.path.realpath(path))


def _make(target: Path) -> None:
    try:
        target.mkdir(mode=0o755)
    except OSError as error:
        raise InvalidParameterError(
            f"cannot make the directory {target}: {(error.strerror or str(error)).lower()}"
        ) from error


def _check_empty(target: Path) -> None:
    if not target.is_dir():
        raise InvalidParameterError(f"{target} is no directory: an image needs one to be seen in")
    if any(target.iterdir()):
        raise ConflictError(f"{target} is not empty: mount an image at an empty directory")
