"""Metrics in Prometheus' text format, under Docker's names where Docker has them.

https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4).
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from boxship import __version__
from boxship.api.response import Response
from boxship.engine.containers.container import Status
from boxship.linux.host import open_files, read_host

if TYPE_CHECKING:
    from boxship.api.request import Request
    from boxship.engine import Engine

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CONTAINER_ACTIONS: Final = {
    "ContainerCreate": "create",
    "ContainerStart": "start",
    "ContainerStop": "stop",
    "ContainerKill": "kill",
    "ContainerRestart": "restart",
    "ContainerPause": "pause",
    "ContainerUnpause": "unpause",
    "ContainerDelete": "delete",
    "ContainerUpdate": "update",
    "ContainerChanges": "changes",
    "ImageCommit": "commit",
}
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class _Histogram:
    """Counts of durations by upper bound."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BUCKETS_S) + 1)
        self._sum_s = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(_BUCKETS_S, seconds)] += 1
        self._sum_s += seconds

    def lines(self, name: str, labels: Mapping[str, str]) -> Iterator[str]:
        total = 0
        bounds = [f"{bound:g}" for bound in _BUCKETS_S] + ["+Inf"]
        for bound, count in zip(bounds, self._counts, strict=True):
            total += count
            yield _line(f"{name}_bucket", {**labels, "le": bound}, total)
        yield _line(f"{name}_sum", labels, self._sum_s)
        yield _line(f"{name}_count", labels, total)


class Metrics:
    """Collects what the API server observes, and reads the rest from the engine when asked."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, int], int] = {}
        self._actions: dict[str, _Histogram] = {}

    def observe(self, operation: str, status: int, seconds: float) -> None:
        """Count one request (a ``boxship.api.server.Observer``)."""
        key = (operation, status)
        self._requests[key] = self._requests.get(key, 0) + 1
        action = _CONTAINER_ACTIONS.get(operation)
        if action is not None:
            self._actions.setdefault(action, _Histogram()).observe(seconds)

    async def serve(self, _request: "Request", engine: "Engine") -> Response:
        """Answer ``GET /metrics``."""
        text = "".join(f"{line}\n" for line in self.lines(_container_states(engine)))
        return Response(200, text.encode(), CONTENT_TYPE)

    def lines(self, states: Mapping[str, int]) -> Iterator[str]:
        """Yield the exposition; ``states`` counts containers by state."""
        actions = "engine_daemon_container_actions_seconds"
        yield from _head(actions, "histogram", "Seconds it takes to process each container action")
        for action, histogram in sorted(self._actions.items()):
            yield from histogram.lines(actions, {"action": action})
        yield from _gauge(
            "engine_daemon_container_states_containers",
            "The count of containers in various states",
            [({"state": state}, count) for state, count in states.items()],
        )
        yield from _host_gauges()
        yield from _head(
            "boxship_api_requests_total", "counter", "Requests by operation and status"
        )
        for (operation, status), count in sorted(self._requests.items()):
            labels = {"operation": operation, "code": str(status)}
            yield _line("boxship_api_requests_total", labels, count)


def _container_states(engine: "Engine") -> dict[str, int]:
    counts = engine.containers.counts()
    running, paused = counts[Status.RUNNING], counts[Status.PAUSED]
    stopped = sum(counts.values()) - running - paused
    return {"running": running, "paused": paused, "stopped": stopped}


def _host_gauges() -> Iterator[str]:
    host = read_host()
    info = {
        "version": __version__,
        "architecture": host.machine,
        "kernel": host.kernel,
        "os": host.operating_system,
    }
    no_labels: dict[str, str] = {}
    for name, text, labels, value in (
        ("engine_daemon_engine_info", "Version of the engine and its host", info, 1),
        ("engine_daemon_engine_cpus_cpus", "CPUs of the host", no_labels, host.processors),
        ("engine_daemon_engine_memory_bytes", "Memory of the host", no_labels, host.memory),
        ("process_resident_memory_bytes", "Resident memory", no_labels, _resident()),
        ("process_open_fds", "Open files", no_labels, open_files()),
    ):
        yield from _gauge(name, text, [(labels, value)])


def _resident() -> int:
    with open("/proc/self/status") as status:
        match = re.search(r"VmRSS:\s+(\d+) kB", status.read())
    return int(match[1]) * 1024 if match else 0


def _gauge(
    name: str, text: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> Iterator[str]:
    yield from _head(name, "gauge", text)
    for labels, value in samples:
        yield _line(name, labels, value)


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    pairs = ",".join(f'{key}="{text.translate(_ESCAPES)}"' for key, text in labels.items())
    shown = f"{value:.9g}" if isinstance(value, float) else str(value)
    return f"{name}{{{pairs}}} {shown}" if pairs else f"{name} {shown}"
