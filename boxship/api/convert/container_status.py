"""The STATUS column of ``docker ps``: a container's state as a sentence."""

from typing import Final

from boxship.engine.containers.container import ContainerState, Status
from boxship.units import SECOND, human_duration

_SUFFIX_BY_HEALTH: Final = {
    "": "",
    "none": "",
    "starting": " (health: starting)",
    "healthy": " (healthy)",
    "unhealthy": " (unhealthy)",
}


def status_text(state: ContainerState, now_ns: int) -> str:
    """Return ``Up 2 minutes (healthy)``, ``Exited (0) 3 seconds ago``, ``Created`` …"""
    status = state.status
    if status is Status.RUNNING:
        suffix = _SUFFIX_BY_HEALTH.get(state.health, "")
        return f"Up {_since(state.started_at_ns, now_ns)}{suffix}"
    if status is Status.PAUSED:
        return f"Up {_since(state.started_at_ns, now_ns)} (Paused)"
    if status is Status.RESTARTING:
        return f"Restarting ({state.exit_code}) {_since(state.finished_at_ns, now_ns)} ago"
    if status is Status.REMOVING:
        return "Removal In Progress"
    if status is Status.DEAD:
        return "Dead"
    if status is Status.CREATED or not state.finished_at_ns:
        return "Created"
    return f"Exited ({state.exit_code}) {_since(state.finished_at_ns, now_ns)} ago"


def _since(then_ns: int, now_ns: int) -> str:
    return human_duration((now_ns - then_ns) / SECOND)
