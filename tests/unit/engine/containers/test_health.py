"""What a probe's result makes of a container's health."""

import pytest

from boxship.engine.containers.container import ContainerState, Healthcheck, ProbeResult
from boxship.engine.containers.health import (
    HEALTHY,
    PROBES_KEPT,
    STARTING,
    UNHEALTHY,
    judge,
    next_interval_ns,
)
from boxship.units import SECOND

CHECK = Healthcheck(
    test=("CMD", "x"),
    interval_ns=20 * SECOND,
    start_period_ns=10 * SECOND,
    start_interval_ns=2 * SECOND,
    retries=2,
)


def result(exit_code: int, at_s: int) -> ProbeResult:
    at_ns = at_s * SECOND
    return ProbeResult(started_at_ns=at_ns, ended_at_ns=at_ns + 1, exit_code=exit_code, output="")


@pytest.mark.parametrize(
    ("health", "streak", "exit_code", "at_s", "expected", "expected_streak"),
    [
        (STARTING, 0, 0, 1, HEALTHY, 0),
        (STARTING, 0, 1, 9, None, None),  # the start period forgives
        (STARTING, 0, 1, 10, STARTING, 1),
        (STARTING, 1, 1, 11, UNHEALTHY, 2),
        (HEALTHY, 0, 1, 5, HEALTHY, 1),  # once healthy, failures count within the period too
        (HEALTHY, 1, -1, 5, UNHEALTHY, 2),
        (UNHEALTHY, 5, 137, 50, UNHEALTHY, 6),
        (UNHEALTHY, 5, 0, 50, HEALTHY, 0),
    ],
)
def test_judgement(
    health: str,
    streak: int,
    exit_code: int,
    at_s: int,
    expected: str | None,
    expected_streak: int | None,
) -> None:
    state = ContainerState(health=health, failing_streak=streak)
    changes = judge(CHECK, state, result(exit_code, at_s))
    assert changes.get("health") == expected
    assert changes.get("failing_streak") == expected_streak
    assert changes["probes"] == (result(exit_code, at_s),)


def test_only_the_last_results_are_kept() -> None:
    old = tuple(result(0, second) for second in range(PROBES_KEPT))
    changes = judge(CHECK, ContainerState(health=HEALTHY, probes=old), result(0, 99))
    assert changes["probes"] == (*old[1:], result(0, 99))


@pytest.mark.parametrize(
    ("health", "now_s", "seconds"),
    [(STARTING, 9, 2), (STARTING, 10, 20), (HEALTHY, 1, 20)],
)
def test_probes_are_closer_while_it_starts(health: str, now_s: int, seconds: int) -> None:
    state = ContainerState(health=health)
    assert next_interval_ns(CHECK, state, now_s * SECOND) == seconds * SECOND


def test_defaults() -> None:
    check = Healthcheck(test=("CMD", "x"))
    assert next_interval_ns(check, ContainerState(health=STARTING), 0) == 30 * SECOND
    state = ContainerState(health=HEALTHY, failing_streak=1)
    assert judge(check, state, result(1, 0))["health"] == HEALTHY
    assert judge(check, ContainerState(failing_streak=2), result(1, 0))["health"] == UNHEALTHY
