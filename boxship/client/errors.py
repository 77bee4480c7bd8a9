"""What a client's call can fail with.

``DaemonError``: the engine answered with an error; it is also an instance of the matching class
of ``boxship.errors``. ``ConnectionFailedError``: no answer came.
"""

from boxship.errors import (
    BoxshipError,
    ConflictError,
    ForbiddenError,
    InternalError,
    InvalidParameterError,
    NotFoundError,
    NotSupportedError,
    UnauthorizedError,
    UnavailableError,
)


class DaemonError(BoxshipError):
    """The engine refused or failed; the message is the engine's. ``status``: HTTP status."""

    status = 500


class DaemonInvalidParameterError(DaemonError, InvalidParameterError):
    """HTTP 400."""


class DaemonUnauthorizedError(DaemonError, UnauthorizedError):
    """HTTP 401."""


class DaemonForbiddenError(DaemonError, ForbiddenError):
    """HTTP 403."""


class DaemonNotFoundError(DaemonError, NotFoundError):
    """HTTP 404."""


class DaemonConflictError(DaemonError, ConflictError):
    """HTTP 409."""


class DaemonInternalError(DaemonError, InternalError):
    """HTTP 500 and every status without a class of its own."""


class DaemonNotSupportedError(DaemonError, NotSupportedError):
    """HTTP 501."""


class DaemonUnavailableError(DaemonError, UnavailableError):
    """HTTP 503."""


class ConnectionFailedError(UnavailableError):
    """The engine cannot be reached, or the connection to it broke."""


_BY_STATUS: dict[int, type[DaemonError]] = {
    400: DaemonInvalidParameterError,
    401: DaemonUnauthorizedError,
    403: DaemonForbiddenError,
    404: DaemonNotFoundError,
    409: DaemonConflictError,
    501: DaemonNotSupportedError,
    503: DaemonUnavailableError,
}


def daemon_error(status: int, message: str) -> DaemonError:
    """The error for an HTTP status and the engine's message."""
    error = _BY_STATUS.get(status, DaemonInternalError)(message)
    error.status = status
    return error
