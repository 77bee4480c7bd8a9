"""What Docker's volumes do not have: copies, snapshots, archives, new names."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from boxship.engine.storage.layers.decompress import decompress
from boxship.engine.storage.layers.limits import LayerLimits
from boxship.engine.storage.layers.unpack import unpack
from boxship.engine.storage.layers.whiteouts import InPlaceWhiteouts
from boxship.engine.volumes.compare import Change, compare
from boxship.engine.volumes.copy_up import copy_whole, shares_blocks
from boxship.engine.volumes.volume import Volume
from boxship.errors import ConflictError, InvalidParameterError, NotSupportedError
from boxship.ids import new_id

if TYPE_CHECKING:
    from boxship.engine.volumes.service import VolumeService

SNAPSHOT_LABEL = "boxship.volume.snapshot-of"
"""Names the volume that a snapshot was made of."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy, and how it was made."""

    volume: Volume
    method: str
    """``reflink``: the file system shares blocks until one side is written; ``copy``."""


class VolumeExtras:
    """Verbs on whole volumes. For the event loop's thread."""

    def __init__(self, volumes: "VolumeService") -> None:
        self._volumes = volumes

    @asynccontextmanager
    async def held(self, name: str, verb: str) -> AsyncIterator[Path]:
        """Keep a volume from being removed, mounted, while something is done with its files."""
        user = f"{verb}-{new_id()[:12]}"
        self._volumes.acquire(name, user)
        try:
            place = await self._volumes.in_thread(name, lambda: self._volumes.mount(name, user))
            try:
                yield place
            finally:
                await self._volumes.in_thread(name, lambda: self._volumes.unmount(name, user))
        finally:
            self._volumes.release(user)

    async def copy(self, name: str, target: str, labels: Mapping[str, str]) -> Copied:
        """Make a local volume with the files of another. All or nothing.

        Raises ConflictError where the target exists, StorageFullError.
        """
        async with self.held(name, "copy") as place:
            methods = []

            def fill(directory: Path) -> None:
                methods.append("reflink" if shares_blocks(place, directory) else "copy")
                copy_whole(place, directory)

            volume = await self._volumes.create_filled(target, labels, fill)
        return Copied(volume, methods[0])

    async def snapshot(self, name: str, target: str = "") -> Copied:
        """Copy a volume to one that is labelled as its snapshot, named by the time."""
        self._volumes.get(name)
        target = target or f"{name}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
        return await self.copy(name, target, {SNAPSHOT_LABEL: name})

    async def restore(self, name: str, source: str) -> None:
        """Replace the files of a volume by copies of another's. All or nothing, also in a crash.

        The caller has checked that no running container uses it; none can start meanwhile.
        Raises NotSupportedError for a volume that is mounted from elsewhere.
        """
        if name == source:
            raise InvalidParameterError(f"volume {name} cannot be restored from itself")
        volume = self._volumes.get(name)
        if not volume.is_local or volume.options:
            raise NotSupportedError(
                f"volume {name} cannot be restored: its files are not the engine's own"
            )
        async with self.held(source, "restore") as place:
            await self._volumes.replace_files(name, lambda directory: copy_whole(place, directory))

    async def diff(self, name: str, other: str) -> list[Change]:
        """Return what turns the files of ``name`` into those of ``other``."""
        async with self.held(name, "diff") as before, self.held(other, "diff") as after:
            return await asyncio.to_thread(compare, before, after)

    async def unpack_into(self, name: str, archive: Iterable[bytes]) -> Volume:
        """Unpack a tar archive, compressed or not, into a volume.

        One that is not there is made, all or nothing. Raises InvalidParameterError for a broken
        archive, StorageFullError.
        """
        if not self._volumes.has(name):
            return await self._volumes.create_filled(name, {}, _unpacker(archive))
        async with self.held(name, "import") as place:
            await asyncio.to_thread(_unpacker(archive), place)
        return self._volumes.get(name)

    def check_free(self, name: str, running: Iterable[str]) -> None:
        """Raise ConflictError when running containers use a volume."""
        users = [user for user in self._volumes.users(name) if user in set(running)]
        if users:
            raise ConflictError(
                f"volume {name} is used by running containers - [{', '.join(users)}]: stop them "
                "first"
            )


def _unpacker(archive: Iterable[bytes]) -> Callable[[Path], None]:
    def run(directory: Path) -> None:
        unpack(decompress(archive), directory, InPlaceWhiteouts(), LayerLimits())

    return run
