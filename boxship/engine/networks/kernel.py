"""Threads for what the kernel takes its time over, and the routing socket on the host's side.

Link changes wait for one lock in the kernel; the event loop must not. Joins go through one thread,
in order; deletions, at some 20 ms each, through another that nobody waits for.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from boxship.linux.netlink.link import Link, delete_link, list_links
from boxship.linux.netlink.socket import NetlinkError, RouteSocket

_T = TypeVar("_T")


class HostKernel:
    """The host's network namespace, through two threads."""

    def __init__(self) -> None:
        """Opens sockets in the namespace of the calling thread."""
        self.routes = RouteSocket()
        """Used by functions given to :meth:`run` only."""
        self._deletions = RouteSocket()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="netlink")
        self._reaper = ThreadPoolExecutor(1, thread_name_prefix="netlink-reaper")

    async def run(self, work: Callable[[], _T]) -> _T:
        """Run ``work`` in the thread of joins."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def reap(self, work: Callable[[], _T]) -> _T:
        """Run ``work`` in the thread of deletions."""
        return await asyncio.get_running_loop().run_in_executor(self._reaper, work)

    def defer(self, work: Callable[[], None]) -> None:
        """Run ``work`` in the thread of deletions, some time before ``close`` returns."""
        self._reaper.submit(work)

    async def delete_links(self, names: list[str]) -> None:
        """Delete links by name; those that are gone are no error."""

        def delete() -> None:
            for name in names:
                self._delete(name)

        await self.reap(delete)

    async def links(self) -> list[Link]:
        """Return all links of the host."""
        return await self.run(lambda: list(list_links(self.routes)))

    async def close(self) -> None:
        """Wait for what is under way and close the sockets."""
        await asyncio.to_thread(self._worker.shutdown)
        await asyncio.to_thread(self._reaper.shutdown)
        self.routes.close()
        self._deletions.close()

    def _delete(self, name: str) -> None:
        index = self._deletions.link_index(name)
        if index:
            try:
                self._deletions.request([delete_link(index)])
            except NetlinkError:
                if self._deletions.link_index(name) == index:
                    raise
