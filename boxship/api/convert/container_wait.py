"""The end of a container as ``POST /containers/{id}/wait`` reports it."""

from msgspec import UNSET

from boxship.api.schema.containers import WaitError, WaitResult
from boxship.engine.containers import waiters


def wait_json(result: waiters.WaitResult) -> WaitResult:
    """Write the exit code, and why there was no proper one."""
    error = WaitError(message=result.error) if result.error else UNSET
    return WaitResult(status_code=result.exit_code, error=error)
