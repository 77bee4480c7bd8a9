"""Those who wait for a container to end or to be gone."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitResult:
    """What a waiter learns."""

    exit_code: int
    error: str = ""


Future = asyncio.Future[WaitResult]


class Waiters:
    """Futures by container id, for each kind of ending."""

    def __init__(self) -> None:
        self._exit: dict[str, set[Future]] = {}
        self._removed: dict[str, set[Future]] = {}

    def for_exit(self, container_id: str) -> Future:
        """Return a future of the container's next exit."""
        return _add(self._exit, container_id)

    def for_removal(self, container_id: str) -> Future:
        """Return a future of the container's removal."""
        return _add(self._removed, container_id)

    def exited(self, container_id: str, result: WaitResult) -> None:
        """Tell those who wait for the exit."""
        _resolve(self._exit.pop(container_id, set()), result)

    def removed(self, container_id: str, result: WaitResult) -> None:
        """Tell everyone: a container that is gone has also ended."""
        _resolve(self._exit.pop(container_id, set()), result)
        _resolve(self._removed.pop(container_id, set()), result)


def _add(table: dict[str, set[Future]], container_id: str) -> Future:
    future: Future = asyncio.get_running_loop().create_future()
    waiting = table.setdefault(container_id, set())
    waiting.add(future)
    future.add_done_callback(waiting.discard)
    return future


def _resolve(waiting: set[Future], result: WaitResult) -> None:
    for future in list(waiting):
        if not future.done():
            future.set_result(result)
