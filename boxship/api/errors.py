"""The one place where an error becomes an HTTP status and a body.

Docker answers every error with ``{"message": "..."}``. Our own error classes map to a status; any
other exception is a bug or a fault below us: 500, its cause in the message, a traceback in the log.
"""

import logging
from typing import Final

import msgspec

from boxship import errors
from boxship.api.response import Response
from boxship.api.versions import ApiVersionError

_log = logging.getLogger(__name__)

STATUS_BY_CLASS: Final[dict[type[Exception], int]] = {
    errors.InvalidParameterError: 400,
    errors.UnauthorizedError: 401,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.NotModifiedError: 304,
    errors.NotSupportedError: 501,
    errors.UnavailableError: 503,
    errors.InternalError: 500,
}


class PageNotFoundError(errors.NotFoundError):
    """No operation has this method and path; Docker says 404 for a wrong method too."""

    def __init__(self) -> None:
        super().__init__("page not found")


def status_of(error: BaseException) -> int:
    """Return the HTTP status for an error: that of its nearest known class, else 500."""
    for cls in type(error).__mro__:
        status = STATUS_BY_CLASS.get(cls)
        if status is not None:
            return status
    return 500


def message_of(error: BaseException) -> str:
    """Return the text for the user; an unexpected exception is named with its cause."""
    if isinstance(error, errors.BoxshipError):
        return error.message
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def error_response(error: BaseException) -> Response:
    """Turn an error into the answer that Docker's clients expect."""
    status = status_of(error)
    if status == 304:
        return Response(status)
    if isinstance(error, ApiVersionError) and error.plain_text:
        body = f"{error.message}\n".encode()
        return Response(status, body, "text/plain; charset=utf-8")
    body = msgspec.json.encode({"message": message_of(error)}) + b"\n"
    return Response(status, body, "application/json")


def stream_error_line(error: BaseException) -> bytes:
    """Return the JSON line that reports an error inside a progress stream (head already sent)."""
    message = message_of(error)
    document = {"errorDetail": {"message": message}, "error": message}
    return msgspec.json.encode(document) + b"\r\n"


def log_failure(error: BaseException, method: str, path: str) -> None:
    """Log a failed request: a traceback for the unexpected, one line for our own 5xx."""
    if not isinstance(error, errors.BoxshipError):
        _log.error("Handler for %s %s failed", method, path, exc_info=error)
    elif status_of(error) >= 500:
        _log.error("Handler for %s %s returned error: %s", method, path, error.message)
    else:
        _log.debug("%s %s: %s", method, path, error.message)
