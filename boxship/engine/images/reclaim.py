"""Giving back the space of content and layers that nothing needs any more.

What an image, a container or an operation under way needs is never touched. Deleting happens in a
worker thread after the answer; what a crash leaves is found again by ``sweep`` at the next start.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from boxship.engine.images.store import ImageStore
from boxship.engine.images.workers import Workers
from boxship.engine.storage.service import StorageService
from boxship.ids import new_id

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Garbage:
    """What is to be deleted: digests of content, chain ids of layers."""

    digests: tuple[str, ...]
    chains: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.digests or self.chains)


class Lease:
    """Protects content and layers while an operation needs them and no image does yet."""

    def __init__(self, reclaimer: "Reclaimer", id_: str = "") -> None:
        self._reclaimer = reclaimer
        self.id = id_
        """Names a lease that outlives the engine; empty for others."""
        self.digests: set[str] = set()
        self.chains: set[str] = set()

    async def hold(self, digests: Iterable[str] = (), chains: Iterable[str] = ()) -> None:
        """Protect these too. Waits for a deletion of the same things to finish first."""
        new_digests, new_chains = set(digests), set(chains)
        await self._reclaimer.wait_deleted(new_digests | new_chains)
        self.digests |= new_digests
        self.chains |= new_chains
        self._reclaimer.note(self, new_digests | new_chains)


class Reclaims(Protocol):
    """Takes what a removal no longer needs."""

    def reclaim(self, digests: Iterable[str], chains: Iterable[str]) -> Garbage:
        """Return what goes of it, layers top first."""


class PlannedReclaimer:
    """Tells what would go, and deletes nothing."""

    def __init__(self, reclaimer: "Reclaimer", without: Collection[str]) -> None:
        self._reclaimer = reclaimer
        self._without = without
        self._gone: set[str] = set()

    def reclaim(self, digests: Iterable[str], chains: Iterable[str]) -> Garbage:
        """Return what nothing would need, were some containers gone, and was not told before."""
        garbage = self._reclaimer.unneeded(
            [digest for digest in digests if digest not in self._gone],
            [chain for chain in chains if chain not in self._gone],
            self._without,
        )
        self._gone.update(garbage.digests, garbage.chains)
        return garbage


class Reclaimer:
    """Deletes what is unreachable. Used from the event loop's thread."""

    def __init__(self, store: ImageStore, storage: StorageService, workers: Workers) -> None:
        self._store = store
        self._storage = storage
        self._workers = workers
        self._leases: set[Lease] = set()
        self._condemned: dict[str, asyncio.Task[None]] = {}
        self.is_stopping = False
        """Whether the engine ends: what resumable operations brought in waits for the next one."""

    @asynccontextmanager
    async def lease(self, *, resumable: bool = False) -> AsyncIterator[Lease]:
        """Begin an operation; what it brought in and no image took over goes when it ends.

        resumable: should the engine die or be stopped, the next one keeps it for a while.
        """
        lease = Lease(self, new_id() if resumable else "")
        self._leases.add(lease)
        is_kept = False
        try:
            yield lease
        except BaseException:
            is_kept = self.is_stopping
            raise
        finally:
            self._leases.discard(lease)
            if lease.id and not is_kept:
                self._store.leases.end(lease.id)
            self.reclaim(lease.digests, lease.chains)

    @asynccontextmanager
    async def guard(
        self, chains: Sequence[str], is_needed: Callable[[], bool]
    ) -> AsyncIterator[None]:
        """Keep layers, lowest first, that something has and might lose meanwhile.

        Cheaper than a lease: they are looked at afterwards only where ``is_needed`` says no.
        """
        lease = Lease(self, "")
        self._leases.add(lease)
        try:
            await lease.hold(chains=chains)
            yield
        finally:
            self._leases.discard(lease)
            if not is_needed():
                self.reclaim((), reversed(chains))

    def note(self, lease: Lease, keys: Iterable[str]) -> None:
        """Write down what a lease that outlives the engine protects."""
        if lease.id:
            self._store.leases.hold(lease.id, keys)

    def abandon(self) -> Garbage:
        """Give up what pulls that were cut off have left for another try."""
        living = [lease.id for lease in self._leases]
        keys = self._store.leases.abandon(living)
        digests = [key for key in keys if self._storage.content.has(key)]
        return self.reclaim(digests, [key for key in keys if self._storage.has_layer(key)])

    def abandonable(self) -> Garbage:
        """Return what ``abandon`` would give up."""
        living = {lease.id for lease in self._leases}
        keys = self._store.leases.held_by_others(living)
        digests = [key for key in keys if self._storage.content.has(key)]
        chains = [key for key in keys if self._storage.has_layer(key)]
        return self.unneeded(digests, chains, held=self._store.leases.held() - keys)

    def size_of(self, garbage: Garbage) -> int:
        """Return the bytes that garbage takes: content, and the files of layers."""
        content = sum(self._storage.content.size(digest) for digest in garbage.digests)
        return content + sum(self._storage.layer_size(chain) for chain in garbage.chains)

    def unneeded(
        self,
        digests: Iterable[str],
        chains: Iterable[str],
        without: Collection[str] = (),
        held: Collection[str] | None = None,
    ) -> Garbage:
        """Return those that nothing needs, layers top first.

        without: ids of containers that do not count. held: what leases of interrupted pulls
        protect, if not what they do.
        """
        used_digests = self._store.digests_in_use()
        used_chains = self._store.chains_in_use() | self._storage.chains_of_containers(without)
        kept = self._store.leases.held() if held is None else set(held)
        used_digests |= kept
        used_chains |= kept
        for lease in self._leases:
            used_digests |= lease.digests
            used_chains |= lease.chains
        return Garbage(
            tuple(digest for digest in digests if digest not in used_digests),
            tuple(chain for chain in chains if chain not in used_chains),
        )

    def reclaim(self, digests: Iterable[str], chains: Iterable[str]) -> Garbage:
        """Delete those that nothing needs, soon, in a thread; return them."""
        garbage = self.unneeded(digests, chains)
        pending = [key for key in (*garbage.digests, *garbage.chains) if key in self._condemned]
        garbage = Garbage(
            tuple(digest for digest in garbage.digests if digest not in pending),
            tuple(chain for chain in garbage.chains if chain not in pending),
        )
        if garbage:
            task = asyncio.create_task(self._delete(garbage))
            for key in (*garbage.digests, *garbage.chains):
                self._condemned[key] = task
        return garbage

    def collect(self, digests: Iterable[str]) -> None:
        """Delete content that nothing needs, soon."""
        self.reclaim(digests, ())

    async def sweep(self) -> Garbage:
        """Delete everything that is unreachable: what a crash left behind.

        What an interrupted pull brought in whole stays until its lease is over.
        """
        self._store.leases.expire()
        digests, chains = await self._workers.run(
            lambda: (list(self._storage.content.digests()), list(self._storage.layers()))
        )
        return self.reclaim(digests, chains)

    async def wait_deleted(self, keys: Iterable[str]) -> None:
        """Return when none of these is being deleted."""
        while pending := {self._condemned[key] for key in keys if key in self._condemned}:
            await asyncio.wait(pending)

    async def settle(self) -> None:
        """Return when all deletions are done."""
        while self._condemned:
            await asyncio.wait(set(self._condemned.values()))

    async def _delete(self, garbage: Garbage) -> None:
        try:
            await self._workers.run(lambda: self._delete_now(garbage))
        finally:
            for key in (*garbage.digests, *garbage.chains):
                self._condemned.pop(key, None)

    def _delete_now(self, garbage: Garbage) -> None:
        for chain in garbage.chains:
            try:
                self._storage.remove_layer(chain)
            except Exception:
                _log.exception("layer %s cannot be removed; the next start tries again", chain)
        for digest in garbage.digests:
            try:
                self._storage.content.delete(digest)
            except OSError:
                _log.exception("content %s cannot be removed; the next start tries again", digest)
