"""Unpacking what may be layers while the archive that brings them is still being read.

Which image they belong to, and in which order, stands at the archive's end in most of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from boxship.engine.images.image import LayerBlob
from boxship.engine.images.unpacking import Unpacker
from boxship.engine.storage.growth import BrokenGrowthError, Growth
from boxship.engine.storage.snapshots.ahead import LayerAhead
from boxship.errors import BoxshipError

AT_ONCE = 3
"""Layers that are unpacked beside each other; more would only share the same processors."""
MAX_WAITING = 64
"""Members that are waited for: each holds a descriptor, and space once it is unpacked."""


class _Member:
    """A member of the archive that looks like a layer."""

    def __init__(self, growth: Growth) -> None:
        self.growth = growth
        self.report: Callable[[int], None] = lambda _: None
        self.task: asyncio.Task[LayerAhead] | None = None


class LayersAhead:
    """Layers by the member of the archive that they came in. Used from the event loop."""

    def __init__(self, unpacker: Unpacker) -> None:
        self._unpacker = unpacker
        self._members: dict[str, _Member] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["LayersAhead"]:
        """Give up, at the end of the block, what was not placed."""
        try:
            yield self
        finally:
            for member in self._members.values():
                await self._give_up(member)

    def begin(self, path: str, growth: Growth) -> None:
        """Unpack a member that is being written, if there is room for it."""
        if len(self._members) >= MAX_WAITING or path in self._members:
            growth.close()
            return
        member = self._members[path] = _Member(growth)
        member.task = asyncio.create_task(self._unpack(member))

    async def place(
        self, path: str, layer: LayerBlob, parent: str | None, report: Callable[[int], None]
    ) -> bool:
        """Put the layer of a member on its parent; False: unpack it from its blob, if it is new.

        report: told the bytes of the archive that are unpacked while this waits for it.
        """
        member = self._members.get(path)
        if member is None or member.task is None:
            return False
        member.report = report
        try:
            ahead = await asyncio.shield(member.task)
        except (BrokenGrowthError, BoxshipError):
            return False
        del self._members[path]
        member.growth.close()
        return await self._unpacker.place(ahead, layer, parent)

    async def _unpack(self, member: _Member) -> LayerAhead:
        async with self._slots:
            return await self._unpacker.draft(member.growth, lambda done: member.report(done))

    async def _give_up(self, member: _Member) -> None:
        if member.task is None:
            return
        member.task.cancel()
        await asyncio.wait({member.task})
        member.growth.close()
        if not member.task.cancelled() and member.task.exception() is None:
            self._unpacker.discard(member.task.result())
