"""Restart policies: pure decisions (Docker's restartmanager and daemon start rules)."""

from boxship.engine.containers.container import Container, RestartPolicy

COUNTING_POLICIES = ("on-failure", "on-unhealthy")
FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 60.0
SETTLED_AFTER_S = 10.0
"""A container that was up this long starts again with the first delay."""


def should_restart(
    policy: RestartPolicy, exit_code: int, *, failures: int, manually_stopped: bool
) -> bool:
    """Decide after an exit; ``failures`` counts the restarts made so far."""
    if manually_stopped:
        return False
    if policy.name in ("always", "unless-stopped"):
        return True
    if policy.name not in COUNTING_POLICIES or exit_code == 0:
        return False
    return may_retry(policy, failures)


def may_retry(policy: RestartPolicy, failures: int) -> bool:
    """Tell whether the policy's number of restarts is not used up."""
    return policy.maximum_retry_count == 0 or failures < policy.maximum_retry_count


def next_delay(previous_s: float, uptime_s: float) -> float:
    """Return the seconds to wait before the next start: 100 ms, doubling up to a minute."""
    if previous_s == 0 or uptime_s >= SETTLED_AFTER_S:
        return FIRST_DELAY_S
    return min(previous_s * 2, LONGEST_DELAY_S)


def should_start_with_engine(container: Container) -> bool:
    """Decide for a container that is not running when the engine starts.

    ``always`` starts whatever was, even after a manual stop; ``unless-stopped`` and
    ``on-failure`` only what was not stopped by hand and had been running.
    """
    policy, state = container.host.restart_policy, container.state
    if state.started_at_ns == 0:
        return False
    if policy.name == "always":
        return True
    if policy.name == "unless-stopped":
        return not state.manually_stopped
    return policy.name in COUNTING_POLICIES and should_restart(
        policy,
        state.exit_code,
        failures=state.restart_count,
        manually_stopped=state.manually_stopped,
    )
