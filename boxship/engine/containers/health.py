"""Health checks: a probe that runs in a container at intervals (Docker's HEALTHCHECK)."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from boxship.engine.containers import probes
from boxship.engine.containers.container import (
    Container,
    ContainerState,
    Healthcheck,
    ProbeResult,
    Status,
)
from boxship.engine.containers.context import Context
from boxship.engine.containers.execs import ExecRequest, Execs
from boxship.errors import BoxshipError
from boxship.units import SECOND, format_duration

logger = logging.getLogger(__name__)

STARTING: Final = "starting"
HEALTHY: Final = "healthy"
UNHEALTHY: Final = "unhealthy"

INTERVAL_NS = 30 * SECOND
TIMEOUT_NS = 30 * SECOND
START_INTERVAL_NS = 5 * SECOND
RETRIES = 3
PROBES_KEPT = 5
OUTPUT_LIMIT = 4096
"""Bytes kept of what a probe prints."""
DEFAULT_SHELL = ("/bin/sh", "-c")


def is_probed(container: Container) -> bool:
    """Tell whether a container has a health check that is not switched off."""
    check = container.config.healthcheck
    return check is not None and bool(check.test) and check.test[0] != "NONE"


def judge(check: Healthcheck, state: ContainerState, result: ProbeResult) -> Mapping[str, Any]:
    """Return how a result changes a container's state (moby's handleProbeResult)."""
    probes = (*state.probes, result)[-PROBES_KEPT:]
    if result.exit_code == 0:
        return {"health": HEALTHY, "failing_streak": 0, "probes": probes}
    age_ns = result.started_at_ns - state.started_at_ns
    if state.health == STARTING and age_ns < check.start_period_ns:
        return {"probes": probes}
    streak = state.failing_streak + 1
    health = UNHEALTHY if streak >= (check.retries or RETRIES) else state.health
    return {"health": health, "failing_streak": streak, "probes": probes}


def next_interval_ns(check: Healthcheck, state: ContainerState, now_ns: int) -> int:
    """Return the time until the next probe: a shorter one while the container starts."""
    is_young = now_ns - state.started_at_ns < check.start_period_ns
    if is_young and state.health == STARTING:
        return check.start_interval_ns or START_INTERVAL_NS
    return check.interval_ns or INTERVAL_NS


def probe_command(container: Container, check: Healthcheck) -> tuple[str, ...]:
    """Return what a probe executes."""
    if check.test[0] == "CMD-SHELL":
        return (*(container.config.shell or DEFAULT_SHELL), *check.test[1:])
    return check.test[1:]


class HealthMonitors:
    """Probes the running containers that have a health check; one task for each."""

    def __init__(self, context: Context, execs: Execs) -> None:
        self._context = context
        self._execs = execs
        self._monitors: dict[str, asyncio.Task[None]] = {}
        self._when_unhealthy: Callable[[Container], None] = lambda _: None

    def when_unhealthy(self, call: Callable[[Container], None]) -> None:
        """Call this for each container that becomes unhealthy."""
        self._when_unhealthy = call

    def begin(self, container: Container) -> None:
        """Probe a container from now on, if it wants that."""
        check = container.config.healthcheck
        if check is not None and is_probed(container):
            self.end(container.id)
            monitor = asyncio.create_task(
                self._monitor(container, check), name=f"health {container.id[:12]}"
            )
            monitor.add_done_callback(_tell_failure)
            self._monitors[container.id] = monitor

    def end(self, container_id: str) -> None:
        """Stop probing it."""
        monitor = self._monitors.pop(container_id, None)
        if monitor is not None:
            monitor.cancel()

    async def close(self) -> None:
        """Stop all probing; the next engine goes on with it."""
        monitors = list(self._monitors.values())
        for container_id in list(self._monitors):
            self.end(container_id)
        await asyncio.gather(*monitors, return_exceptions=True)

    async def _monitor(self, container: Container, check: Healthcheck) -> None:
        while True:
            state = self._context.current(container).state
            await asyncio.sleep(next_interval_ns(check, state, time.time_ns()) / SECOND)
            if self._context.current(container).state.status is Status.RUNNING:
                result = await self._probe(container, check)
                async with self._context.lock(container.id):
                    self._write(container, check, result)

    def _write(self, container: Container, check: Healthcheck, result: ProbeResult) -> None:
        """Note a result, unless the container has ended meanwhile; the caller holds the lock."""
        state = self._context.current(container).state
        if state.status not in (Status.RUNNING, Status.PAUSED):
            return
        with self._context.database.transaction() as tx:
            after = self._context.change_state(tx, container, **judge(check, state, result))
            if after.state.health != state.health:
                self._context.record(tx, container, f"health_status: {after.state.health}")
        if after.state.health == UNHEALTHY != state.health:
            self._when_unhealthy(after)

    async def _probe(self, container: Container, check: Healthcheck) -> ProbeResult:
        started_at_ns = time.time_ns()
        exit_code, output = await self._run(container, check)
        return ProbeResult(
            started_at_ns=started_at_ns,
            ended_at_ns=time.time_ns(),
            exit_code=exit_code,
            output=output,
        )

    async def _run(self, container: Container, check: Healthcheck) -> tuple[int, str]:
        """Execute the probe; -1 and the reason where that fails or takes too long."""
        timeout_ns = check.timeout_ns or TIMEOUT_NS
        if check.test[0] in (probes.HTTP, probes.TCP):
            sandbox = self._context.networks.sandbox(container.id)
            netns_path = sandbox.netns_path if sandbox is not None else ""
            return await asyncio.to_thread(
                probes.probe, check.test[0], check.test[1], netns_path, timeout_ns / SECOND
            )
        output = _Output()
        request = ExecRequest(
            args=probe_command(container, check),
            attach_stdout=True,
            attach_stderr=True,
        )
        try:
            exec_id = self._execs.create(container, request)
            running = asyncio.create_task(self._execs.start(exec_id, output, framed=False))
            running.add_done_callback(_take_note)
            try:
                await asyncio.wait({running}, timeout=timeout_ns / SECOND)
                if not running.done():
                    return -1, f"Health check exceeded timeout ({format_duration(timeout_ns)})"
                await running
            finally:
                if not running.done():
                    running.cancel()
                    self._execs.kill(exec_id)
            return self._execs.get(exec_id).exit_code or 0, output.text
        except BoxshipError as error:
            return -1, str(error)


def _take_note(probe: asyncio.Task[None]) -> None:
    """A probe whose container has ended may fail when nobody waits for it any more."""
    if not probe.cancelled():
        probe.exception()


def _tell_failure(monitor: asyncio.Task[None]) -> None:
    if not monitor.cancelled() and (error := monitor.exception()) is not None:
        logger.error("%s: probing has ended", monitor.get_name(), exc_info=error)


class _Output:
    """The client of a probe's streams (a Duplex): keeps the beginning of what is printed."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._cut = False
        self._closed = asyncio.Event()

    @property
    def text(self) -> str:
        """What was printed, shortened as Docker does."""
        if self._cut:
            return self._kept[: OUTPUT_LIMIT - 3].decode("utf-8", "replace") + "..."
        return self._kept.decode("utf-8", "replace")

    async def read(self) -> bytes:
        """Send nothing, and stay until the streams end."""
        await self._closed.wait()
        return b""

    async def write(self, data: bytes | memoryview) -> None:
        """Take what the probe printed."""
        room = OUTPUT_LIMIT - len(self._kept)
        self._kept += data[:room]
        self._cut = self._cut or len(data) > room

    def write_eof(self) -> None:
        """The probe's output has ended."""

    def close(self) -> None:
        """Both directions are over."""
        self._closed.set()
