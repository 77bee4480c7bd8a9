"""Which containers a list shows: Docker's ``ps`` filters, order and limits."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from boxship.engine.containers.container import Container, Status
from boxship.engine.networks.sandbox import Sandbox
from boxship.errors import InvalidParameterError
from boxship.reference import parse_normalized

Values = tuple[str, ...]

_TASK_LABEL: Final = "com.docker.swarm.task.id"
_STATUS_WORDS: Final = frozenset(status.value for status in Status)
_HEALTH_WORDS: Final = frozenset({"none", "starting", "healthy", "unhealthy"})
_TRUE_WORDS: Final = frozenset({"1", "true"})
_FALSE_WORDS: Final = frozenset({"0", "false"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """What a list asks for."""

    all: bool = False
    """Also those that do not run."""
    limit: int = 0
    """Only the newest so many, running or not; 0: no limit."""
    filters: Mapping[str, Values] = field(default_factory=dict)


class Store(Protocol):
    """What this module needs of the container store."""

    def all(self) -> list[Container]:
        """Return every container, oldest first."""

    def get(self, reference: str) -> Container:
        """Find one container."""


class Sandboxes(Protocol):
    """What this module needs of the networks."""

    def sandbox(self, container_id: str) -> Sandbox | None:
        """Return what a container has of networking."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    container: Container
    sandboxes: Sandboxes

    @property
    def sandbox(self) -> Sandbox | None:
        return self.sandboxes.sandbox(self.container.id)


_Test = Callable[[_Candidate], bool]


def select_containers(store: Store, networks: Sandboxes, query: ListQuery) -> list[Container]:
    """Return the containers that pass all filters of a query, newest first.

    Raises InvalidParameterError for an unknown filter or a bad value, NotFoundError when
    ``before`` or ``since`` name no container.
    """
    tests = [_maker(key)(values) for key, values in query.filters.items() if values]
    tests += _age_tests(store, query.filters)
    if not (query.all or query.limit > 0 or query.filters.get("status")):
        tests.append(_is_running)
    newest_first = sorted(store.all(), key=lambda item: item.created_at_ns, reverse=True)
    chosen: list[Container] = []
    for container in newest_first:
        candidate = _Candidate(container, networks)
        if all(test(candidate) for test in tests):
            chosen.append(container)
            if len(chosen) == query.limit:
                break
    return chosen


def _is_running(candidate: _Candidate) -> bool:
    return candidate.container.state.status in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)


def _age_tests(store: Store, filters: Mapping[str, Values]) -> list[_Test]:
    tests: list[_Test] = []
    if before := filters.get("before"):
        upper = min(store.get(value).created_at_ns for value in before)
        tests.append(lambda candidate: candidate.container.created_at_ns < upper)
    if since := filters.get("since"):
        lower = max(store.get(value).created_at_ns for value in since)
        tests.append(lambda candidate: candidate.container.created_at_ns > lower)
    return tests


def _bad_value(key: str, value: str) -> InvalidParameterError:
    return InvalidParameterError(f"invalid filter '{key}={value}'")


def _every(_values: Values) -> _Test:
    return lambda _candidate: True


def _by_name(values: Values) -> _Test:
    patterns = _patterns(values)

    def test(candidate: _Candidate) -> bool:
        name = candidate.container.name
        return any(p.search(name) or p.search("/" + name) for p in patterns)

    return test


def _by_id(values: Values) -> _Test:
    patterns = _patterns(values)
    return lambda candidate: any(p.search(candidate.container.id) for p in patterns)


def _patterns(values: Values) -> list[re.Pattern[str]]:
    """Compile regular expressions; a text that is none stands for itself."""
    patterns = []
    for value in values:
        try:
            patterns.append(re.compile(value))
        except re.error:
            patterns.append(re.compile(re.escape(value)))
    return patterns


def _by_label(values: Values) -> _Test:
    return lambda candidate: has_labels(candidate.container.config.labels, values)


def has_labels(labels: Mapping[str, str], wanted: Iterable[str]) -> bool:
    """Tell whether all of ``wanted`` (``name`` or ``name=value``) are among ``labels``."""
    for entry in wanted:
        name, separator, value = entry.partition("=")
        if name not in labels or (separator and labels[name] != value):
            return False
    return True


def _by_status(values: Values) -> _Test:
    for value in values:
        if value not in _STATUS_WORDS:
            raise _bad_value("status", value)
    return lambda candidate: candidate.container.state.status in values


def _by_health(values: Values) -> _Test:
    for value in values:
        if value not in _HEALTH_WORDS:
            raise _bad_value("health", value)
    return lambda candidate: (candidate.container.state.health or "none") in values


def _by_exit_code(values: Values) -> _Test:
    codes = frozenset(_integer("exited", value) for value in values)

    def test(candidate: _Candidate) -> bool:
        state = candidate.container.state
        ended = not _is_running(candidate) and state.status is not Status.CREATED
        return ended and state.exit_code in codes

    return test


def _integer(key: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise _bad_value(key, value) from None


def _by_ancestor(values: Values) -> _Test:
    wanted = frozenset(values) | {name for value in values if (name := _canonical(value))}

    def test(candidate: _Candidate) -> bool:
        image_id = candidate.container.image_id
        if image_id in wanted or _canonical(candidate.container.config.image) in wanted:
            return True
        digest = image_id.removeprefix("sha256:")
        return any(len(v) >= 4 and digest.startswith(v.removeprefix("sha256:")) for v in values)

    return test


def _canonical(image: str) -> str:
    """Return an image name in full, or nothing for a text that is no name."""
    try:
        return str(parse_normalized(image).with_default_tag())
    except InvalidParameterError:
        return ""


def _by_volume(values: Values) -> _Test:
    wanted = frozenset(values)
    return lambda candidate: any(
        mount.destination in wanted or (mount.name or mount.source) in wanted
        for mount in candidate.container.mounts
    )


def _by_network(values: Values) -> _Test:
    def test(candidate: _Candidate) -> bool:
        names = {spec.network for spec in candidate.container.endpoints}
        names.add(candidate.container.host.network_mode)
        sandbox = candidate.sandbox
        endpoints = sandbox.endpoints if sandbox else ()
        return any(
            value in names
            or any(value == e.network_name or e.network_id.startswith(value) for e in endpoints)
            for value in values
        )

    return test


def _by_exposed(values: Values) -> _Test:
    wanted = _port_keys("expose", values)
    return lambda candidate: not wanted.isdisjoint(candidate.container.config.exposed_ports)


def _by_published(values: Values) -> _Test:
    wanted = _port_keys("publish", values)

    def test(candidate: _Candidate) -> bool:
        sandbox = candidate.sandbox
        asked = candidate.container.host.port_bindings
        given = sandbox.ports if sandbox else ()
        keys = {f"{port.container_port}/{port.protocol}" for port in asked}
        keys |= {f"{port.container_port}/{port.protocol}" for port in given}
        return not wanted.isdisjoint(keys)

    return test


def _port_keys(key: str, values: Values) -> frozenset[str]:
    """Read ``80``, ``80/udp``, ``80-90/tcp`` as the set of ``port/protocol``."""
    keys: set[str] = set()
    for value in values:
        ports, _, protocol = value.partition("/")
        first, _, last = ports.partition("-")
        start = _integer(key, first)
        end = _integer(key, last or first)
        if not 0 < start <= end <= 65535:
            raise _bad_value(key, value)
        keys.update(f"{port}/{protocol or 'tcp'}" for port in range(start, end + 1))
    return frozenset(keys)


def _by_task(values: Values) -> _Test:
    wanted = set()
    for value in values:
        if value not in _TRUE_WORDS | _FALSE_WORDS:
            raise _bad_value("is-task", value)
        wanted.add(value in _TRUE_WORDS)
    return lambda candidate: (_TASK_LABEL in candidate.container.config.labels) in wanted


_MAKERS: Final[Mapping[str, Callable[[Values], _Test]]] = {
    "ancestor": _by_ancestor,
    "before": _every,
    "expose": _by_exposed,
    "exited": _by_exit_code,
    "health": _by_health,
    "id": _by_id,
    "isolation": _every,  # Linux has one kind only, and Docker looks at it on Windows alone
    "is-task": _by_task,
    "label": _by_label,
    "name": _by_name,
    "network": _by_network,
    "publish": _by_published,
    "since": _every,
    "status": _by_status,
    "volume": _by_volume,
}


def _maker(key: str) -> Callable[[Values], _Test]:
    maker = _MAKERS.get(key)
    if maker is None:
        raise InvalidParameterError(f"invalid filter '{key}'")
    return maker
