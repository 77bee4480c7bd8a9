"""Bringing a container's log to its driver, from where an earlier engine left off.

The log that conmon writes is the source, so that nothing is lost while a server is away or the
engine is restarted; what a server had taken when the engine was killed may come to it twice.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from boxship.engine.logs.drivers.driver import LogDriver
from boxship.engine.logs.line import LogRecord
from boxship.engine.logs.reader import Position, follow_log
from boxship.errors import InternalError

logger = logging.getLogger(__name__)

FIRST_RETRY_S, LONGEST_RETRY_S = 0.2, 10.0
PATIENCE_S = 5.0
"""How long a driver that fails is tried again after the container's end."""


class Forwarder:
    """One container's log on its way to a driver."""

    def __init__(
        self,
        log: Path,
        name: str,
        open_driver: Callable[[], LogDriver],
        driver: LogDriver | None,
        before: "Forwarder | None",
    ) -> None:
        """name: what messages call the container. driver: open already; None: opened when needed.

        before: the forwarder of the container's last run, which may be at work still.
        """
        self._log = log
        self._name = name
        self._open_driver = open_driver
        self._driver = driver
        self._before = before
        self._positions = log.with_name(f"{log.name}.forwarded")
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name=f"log of {name}")
        self._task.add_done_callback(_tell_failure)

    def when_done(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` once it has stopped, however that came."""
        self._task.add_done_callback(lambda _: tell())

    def end(self) -> None:
        """Bring over what is there, then stop."""
        if not self._ended.done():
            self._ended.set_result(None)

    async def wait(self) -> None:
        """Return when it has stopped."""
        await asyncio.wait({self._task})

    async def abandon(self) -> None:
        """Stop at once; the next engine goes on."""
        self._task.cancel()
        await self.wait()

    async def _run(self) -> None:
        if self._before is not None:
            await self._before.wait()
        try:
            async for batch in follow_log(self._log, self._read_position(), self._ended):
                if not await self._write(batch.records):
                    return
                if batch.position is not None:
                    self._keep_position(batch.position)
        finally:
            if self._driver is not None:
                self._driver.close()

    async def _write(self, records: Sequence[LogRecord]) -> bool:
        """Give records to the driver, again and again; False when it has to be given up."""
        delay, give_up = FIRST_RETRY_S, 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                await asyncio.to_thread(self._write_now, records)
            except (OSError, InternalError) as error:
                logger.warning("log of container %s: %s", self._name, error)
            else:
                return True
            if self._ended.done():
                give_up = give_up or loop.time() + PATIENCE_S
                if loop.time() >= give_up:
                    logger.error("log of container %s: its end was not delivered", self._name)
                    return False
            await self._pause(delay)
            delay = min(delay * 2, LONGEST_RETRY_S)

    def _write_now(self, records: Sequence[LogRecord]) -> None:
        if self._driver is None:
            self._driver = self._open_driver()
        self._driver.write(records)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than patience lasts once the container has ended."""
        seconds = min(seconds, PATIENCE_S) if self._ended.done() else seconds
        waiting: set[asyncio.Future[Any]] = set() if self._ended.done() else {self._ended}
        if waiting:
            await asyncio.wait(waiting, timeout=seconds)
        else:
            await asyncio.sleep(seconds)

    def _read_position(self) -> Position | None:
        try:
            return msgspec.json.decode(self._positions.read_bytes(), type=Position)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _keep_position(self, position: Position) -> None:
        temporary = self._positions.with_suffix(".tmp")
        with suppress(FileNotFoundError):  # the container was removed
            temporary.write_bytes(msgspec.json.encode(position))
            os.replace(temporary, self._positions)


def _tell_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s is forwarded no more", task.get_name(), exc_info=error)
