"""Running containers: start, stop, what happens when one exits, and starting it again.

Intent is written before an act and its result after it (``ContainerState.intent``), so that a crash
at any line has one meaning for the next start (:mod:`boxship.engine.containers.recovery`).
"""

import asyncio
import logging
import time
from contextlib import suppress

from boxship.engine.containers import restart, teardown
from boxship.engine.containers.container import Container, Status
from boxship.engine.containers.context import Context
from boxship.engine.containers.forwarding import Forwarding, open_log_driver
from boxship.engine.containers.health import STARTING, UNHEALTHY, HealthMonitors, is_probed
from boxship.engine.containers.lifecycle import is_alive, next_status
from boxship.engine.containers.setup import launch
from boxship.engine.containers.signals import parse_signal
from boxship.engine.containers.waiters import WaitResult
from boxship.engine.logs.drivers.driver import LogDriver
from boxship.engine.runtime.task import TaskExit, TaskHandle
from boxship.engine.state.database import StateFullError
from boxship.errors import (
    BoxshipError,
    ConflictError,
    InternalError,
    NotFoundError,
    NotModifiedError,
)

logger = logging.getLogger(__name__)

SIGTERM, SIGKILL = 15, 9
KILL_GRACE_S = 10
"""How long a killed process may take to go before we say that it did not."""


FULL_DISK_RETRY_S = 1.0


class Runner:
    """Keeps the running containers; one watching task for each."""

    def __init__(self, context: Context, health: HealthMonitors) -> None:
        self._context = context
        self._health = health
        self._forwarding = Forwarding(context)
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._restarts: dict[str, asyncio.Task[None]] = {}
        self._delays: dict[str, float] = {}
        self._healing: dict[str, asyncio.Task[None]] = {}
        """Restarts of unhealthy containers; one is given up when a user stops the container."""
        health.when_unhealthy(self._heal)

    async def start(self, container: Container) -> None:
        """Start a container. See ContainerService.start."""
        async with self._context.lock(container.id):
            current = self._context.current(container)
            next_status("start", current)
            self._cancel_restart(current.id)
            self._delays.pop(current.id, None)
            try:
                await self._launch(self._context.write_state(current, restart_count=0))
            except Exception:
                if current.host.auto_remove:
                    await teardown.remove(
                        self._context, self._context.current(current), volumes=True
                    )
                raise

    async def _launch(self, container: Container) -> None:
        """Start it; the caller holds the lock."""
        context = self._context
        container = context.write_state(container, intent="start")
        driver: LogDriver | None = None
        try:
            driver = await open_log_driver(context, container)
            handle = await launch(context, container)
        except BaseException as error:
            if driver is not None:
                driver.close()
            await self._take_apart(container)
            self._write_failure(container, error)
            raise
        self.write_started(container, handle, time.time_ns())
        self.watch(container, driver)

    def write_started(self, container: Container, handle: TaskHandle, at_ns: int) -> Container:
        """Note that a container runs since ``at_ns``."""
        with self._context.database.transaction() as tx:
            self._context.record(tx, container, "start")
            return self._context.change_state(
                tx,
                container,
                status=Status.RUNNING,
                task=handle,
                pid=handle.pid,
                exit_code=0,
                error="",
                oom_killed=False,
                started_at_ns=at_ns,
                finished_at_ns=0,
                manually_stopped=False,
                intent="",
                health=STARTING if is_probed(container) else "",
                failing_streak=0,
                probes=(),
            )

    def _write_failure(self, container: Container, error: BaseException) -> None:
        exit_code = getattr(error, "exit_code", 128)
        message = str(error) or type(error).__name__
        status = Status.EXITED if container.state.started_at_ns else Status.CREATED
        with self._context.database.transaction() as tx:
            self._context.change_state(
                tx,
                container,
                status=status,
                pid=0,
                task=None,
                exit_code=exit_code,
                error=message,
                intent="",
            )
            self._context.record(tx, container, "die", {"exitCode": str(exit_code)})
        self._context.waiters.exited(container.id, WaitResult(exit_code=exit_code, error=message))

    def watch(self, container: Container, driver: LogDriver | None = None) -> None:
        """Follow a running container until its end. driver: of its log, where it is open."""
        task = asyncio.create_task(self._watch(container), name=f"watch {container.id[:12]}")
        self._watchers[container.id] = task
        task.add_done_callback(lambda done: self._watcher_done(container.id, done))
        self._health.begin(container)
        self._forwarding.begin(container, driver)

    def _watcher_done(self, container_id: str, task: asyncio.Task[None]) -> None:
        if self._watchers.get(container_id) is task:
            del self._watchers[container_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("watching container %s failed", container_id, exc_info=error)

    async def _watch(self, container: Container) -> None:
        ended = await self._context.runtime.wait_exit(container.id)
        while True:
            try:
                async with self._context.lock(container.id):
                    with suppress(NotFoundError):
                        await self.finish(self._context.current(container), ended)
            except StateFullError as error:
                # Nobody else will ever write this end; a full disk tells nobody when it has room.
                logger.error("the end of container %s is not noted: %s", container.name, error)
                await asyncio.sleep(FULL_DISK_RETRY_S)
            else:
                return

    async def finish(self, container: Container, ended: TaskExit) -> None:
        """Settle a container whose task has ended; the caller holds the lock."""
        if not is_alive(container.state.status):
            return
        self._health.end(container.id)
        await self._forwarding.end(container)
        again = self._wants_restart(container, ended)
        await self._take_apart(container)
        self._write_end(container, ended, Status.RESTARTING if again else Status.EXITED)
        if again:
            self.schedule_restart(container, _uptime_s(container, ended))
        elif container.host.auto_remove:
            await teardown.remove(self._context, self._context.current(container), volumes=True)

    async def _take_apart(self, container: Container) -> None:
        """Free what the task had; a failure is told but never keeps the end from being known."""
        try:
            await self._context.runtime.delete(container.id)
            await teardown.release(self._context, container)
        except (BoxshipError, OSError):
            logger.exception("cleaning up after container %s failed", container.name)

    def _wants_restart(self, container: Container, ended: TaskExit) -> bool:
        return restart.should_restart(
            container.host.restart_policy,
            ended.exit_code,
            failures=container.state.restart_count,
            manually_stopped=container.state.manually_stopped,
        )

    def _write_end(self, container: Container, ended: TaskExit, status: Status) -> None:
        context = self._context
        with context.database.transaction() as tx:
            context.change_state(
                tx,
                container,
                status=status,
                pid=0,
                task=None,
                exit_code=ended.exit_code,
                oom_killed=ended.oom_killed,
                error=ended.reason,
                finished_at_ns=ended.exited_at_ns,
                intent="",
                health=UNHEALTHY if container.state.health else "",
            )
            if ended.oom_killed:
                context.record(tx, container, "oom")
            context.record(tx, container, "die", _end_attributes(container, ended))
        result = WaitResult(exit_code=ended.exit_code, error=ended.reason)
        context.waiters.exited(container.id, result)

    def schedule_restart(self, container: Container, uptime_s: float) -> None:
        """Start the container again after the back-off."""
        delay = restart.next_delay(self._delays.get(container.id, 0), uptime_s)
        self._delays[container.id] = delay
        self._schedule(container, delay, count=container.state.restart_count + 1)

    def start_with_engine(self, container: Container) -> None:
        """Start what the policy wants started with the engine; that is no restart."""
        self._schedule(self._context.write_state(container, status=Status.RESTARTING), 0, count=0)

    def _schedule(self, container: Container, delay: float, *, count: int) -> None:
        task = asyncio.create_task(
            self._restart_later(container, delay, count), name=f"restart {container.id[:12]}"
        )
        self._restarts[container.id] = task

    async def _restart_later(self, container: Container, delay: float, count: int) -> None:
        await asyncio.sleep(delay)
        async with self._context.lock(container.id):
            self._restarts.pop(container.id, None)
            try:
                current = self._context.current(container)
            except NotFoundError:
                return
            if current.state.status != Status.RESTARTING:
                return
            await self._restart_now(current, count)

    async def _restart_now(self, container: Container, count: int) -> None:
        container = self._context.write_state(container, restart_count=count)
        try:
            await self._launch(container)
        except BoxshipError as error:
            logger.warning("restarting container %s failed: %s", container.name, error)
            current = self._context.current(container)
            ended = TaskExit(exit_code=current.state.exit_code, exited_at_ns=time.time_ns())
            if self._wants_restart(current, ended):
                self._context.write_state(current, status=Status.RESTARTING)
                self.schedule_restart(current, 0)

    def is_restarting(self, container_id: str) -> bool:
        """Tell whether a start after the back-off is due."""
        return container_id in self._restarts

    def _cancel_restart(self, container_id: str) -> None:
        task = self._restarts.pop(container_id, None)
        if task is not None:
            task.cancel()

    def _heal(self, container: Container) -> None:
        """Restart a container that became unhealthy, if its policy says so."""
        policy = container.host.restart_policy
        if policy.name == "on-unhealthy" and restart.may_retry(
            policy, container.state.restart_count
        ):
            task = asyncio.create_task(self._restart_unhealthy(container))
            self._healing[container.id] = task
            task.add_done_callback(lambda _: self._healing.pop(container.id, None))

    async def _restart_unhealthy(self, container: Container) -> None:
        with suppress(NotModifiedError, NotFoundError):
            await self._stop(container, signal="", timeout_s=None)
        async with self._context.lock(container.id):
            with suppress(NotFoundError):
                current = self._context.current(container)
                given_up = container.id not in self._healing
                if not given_up and current.state.status is Status.EXITED:
                    await self._restart_now(current, container.state.restart_count + 1)

    async def stop(self, container: Container, *, signal: str, timeout_s: int | None) -> None:
        """Stop a container. See ContainerService.stop."""
        self._healing.pop(container.id, None)
        await self._stop(container, signal=signal, timeout_s=timeout_s)

    async def _stop(self, container: Container, *, signal: str, timeout_s: int | None) -> None:
        number = parse_signal(signal or container.config.stop_signal, SIGTERM)
        next_status("stop", container)
        if container.state.status == Status.RESTARTING:
            if await self._stop_restarting(container):
                return
            container = self._context.current(container)
            next_status("stop", container)
        ended = self._context.waiters.for_exit(container.id)
        container = self._context.write_state(container, manually_stopped=True)
        await self._terminate(container, number, self._timeout(container, timeout_s), ended)
        await ended
        with self._context.database.transaction() as tx:
            self._context.record(tx, container, "stop")

    async def _stop_restarting(self, container: Container) -> bool:
        """Give up a restart that is due; False: it took place before we had the lock."""
        async with self._context.lock(container.id):
            if self._context.current(container).state.status != Status.RESTARTING:
                return False
            self._cancel_restart(container.id)
            container = self._context.write_state(container, manually_stopped=True)
            with self._context.database.transaction() as tx:
                self._context.change_state(tx, container, status=Status.EXITED)
                self._context.record(tx, container, "stop")
        return True

    def _timeout(self, container: Container, given: int | None) -> float | None:
        """Return the seconds before SIGKILL; None for never."""
        if given is None:
            given = container.config.stop_timeout_s
        if given is None:
            given = self._context.config.containers.stop_timeout_s
        return None if given < 0 else given

    async def _terminate(
        self,
        container: Container,
        number: int,
        timeout_s: float | None,
        ended: asyncio.Future[WaitResult],
    ) -> None:
        self._signal_to_end(container, number)
        if container.state.status == Status.PAUSED:
            await self._context.runtime.unpause(container.id)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(ended), timeout_s)
            return
        self._signal_to_end(container, SIGKILL)

    def _signal_to_end(self, container: Container, number: int) -> None:
        """Send a signal that is to end it; it may have ended by itself the moment before."""
        with suppress(ConflictError):
            self._signal(container, number)

    def _signal(self, container: Container, number: int) -> None:
        self._context.runtime.signal(container.id, number)
        self._record_kill(container, number)

    def _record_kill(self, container: Container, number: int) -> None:
        with self._context.database.transaction() as tx:
            self._context.record(tx, container, "kill", {"signal": str(number)})

    async def restart(self, container: Container, *, signal: str, timeout_s: int | None) -> None:
        """Stop a container where it runs, and start it. See ContainerService.restart."""
        with suppress(NotModifiedError):
            await self.stop(container, signal=signal, timeout_s=timeout_s)
        await self.start(container)
        with self._context.database.transaction() as tx:
            self._context.record(tx, container, "restart")

    async def kill(self, container: Container, signal: str) -> None:
        """Signal the main process. See ContainerService.kill."""
        number = parse_signal(signal, SIGKILL)
        next_status("kill", container)
        if container.state.status == Status.RESTARTING:
            if await self._stop_restarting(container):
                return
            container = self._context.current(container)
            next_status("kill", container)
        if number in (SIGKILL, parse_signal(container.config.stop_signal, SIGTERM)):
            self._context.write_state(container, manually_stopped=True)
        if container.state.status == Status.PAUSED and number == SIGKILL:
            await self._context.runtime.unpause(container.id)
        if number == SIGKILL:
            await self._end(container)
        else:
            self._signal(container, number)

    async def _end(self, container: Container) -> None:
        """Send SIGKILL and wait for the end: whoever killed a container may remove it then."""
        ended = self._context.waiters.for_exit(container.id)
        try:
            self._signal(container, SIGKILL)
            await asyncio.wait_for(ended, KILL_GRACE_S)
        except TimeoutError:
            raise InternalError(
                "tried to kill container, but did not receive an exit event: "
                f"{container.name} still runs {KILL_GRACE_S:.0f} seconds after SIGKILL; "
                "its processes may wait for a disk or a network file system"
            ) from None
        finally:
            ended.cancel()

    async def kill_and_wait(self, container: Container) -> None:
        """End a container for its removal: SIGKILL, then wait for its end."""
        if container.state.status == Status.RESTARTING and await self._stop_restarting(container):
            return
        ended = self._context.waiters.for_exit(container.id)
        try:
            with suppress(ConflictError):  # it ended by itself the moment before
                await self.kill(container, "KILL")
            await asyncio.wait_for(ended, KILL_GRACE_S)
        finally:
            ended.cancel()

    async def pause(self, container: Container) -> None:
        """Freeze a container. See ContainerService.pause."""
        async with self._context.lock(container.id):
            container = self._context.current(container)
            status = next_status("pause", container)
            await self._context.runtime.pause(container.id)
            self._write_frozen(container, status, "pause")

    async def unpause(self, container: Container) -> None:
        """Thaw a container. See ContainerService.unpause."""
        async with self._context.lock(container.id):
            container = self._context.current(container)
            status = next_status("unpause", container)
            await self._context.runtime.unpause(container.id)
            self._write_frozen(container, status, "unpause")

    def _write_frozen(self, container: Container, status: Status, action: str) -> None:
        with self._context.database.transaction() as tx:
            self._context.change_state(tx, container, status=status)
            self._context.record(tx, container, action)

    async def close(self) -> None:
        """End all watching; the containers themselves go on."""
        await self._health.close()
        await self._forwarding.close()
        tasks = [*self._watchers.values(), *self._restarts.values(), *self._healing.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _uptime_s(container: Container, ended: TaskExit) -> float:
    return max(0, ended.exited_at_ns - container.state.started_at_ns) / 1e9


def _end_attributes(container: Container, ended: TaskExit) -> dict[str, str]:
    return {
        "exitCode": str(ended.exit_code),
        "execDuration": str(int(_uptime_s(container, ended))),
    }
