"""Keeping logs within their size: rename the file away, tell its writer to reopen the path.

No line is lost: the writer goes on in the renamed file until it has reopened.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from boxship.engine.logs.logfile import LogFile
from boxship.linux.inotify import IN_MODIFY, Inotify

logger = logging.getLogger(__name__)

LOOK_INTERVAL_S = 0.2
"""Time between two looks while something is written; while nothing is, there are none."""


@dataclass(frozen=True, slots=True)
class _Limit:
    log: LogFile
    max_bytes: int
    max_files: int
    reopen: Callable[[], None]


class Rotator:
    """Watches the logs of all running tasks."""

    def __init__(self) -> None:
        self._inotify = Inotify()
        self._limits: dict[tuple[int, bytes], _Limit] = {}
        self._task = asyncio.create_task(self._run(), name="log rotation")

    def watch(self, path: Path, max_bytes: int, max_files: int, reopen: Callable[[], None]) -> None:
        """Keep a log at ``max_files`` files of about ``max_bytes``.

        ``reopen`` makes the writer open the path again, after the file there was renamed.
        """
        limit = _Limit(LogFile(path), max_bytes, max_files, reopen)
        watch = self._inotify.add(path.parent, IN_MODIFY)
        self._limits[watch, path.name.encode()] = limit
        _check(limit)

    def forget(self, path: Path) -> None:
        """Leave a log alone from now on."""
        name = path.name.encode()
        for watch, other in list(self._limits):
            if other == name and self._limits[watch, other].log.path == path:
                del self._limits[watch, other]
                if all(left != watch for left, _ in self._limits):
                    self._inotify.remove(watch)

    async def close(self) -> None:
        """Stop watching."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._inotify.close()

    async def _run(self) -> None:
        while True:
            events = await self._inotify.wait()
            for key in {(event.watch, event.name) for event in events}:
                if (limit := self._limits.get(key)) is not None:
                    _check(limit)
            await asyncio.sleep(LOOK_INTERVAL_S)


def _check(limit: _Limit) -> None:
    if limit.log.size() <= limit.max_bytes:
        return
    try:
        limit.log.rotate(limit.max_files)
        limit.reopen()
    except OSError as error:
        logger.warning("log %s cannot be rotated: %s", limit.log.path, error)
