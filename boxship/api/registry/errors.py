"""The one place where a registry's fault becomes a status and the specification's document."""

from typing import Final

import msgspec

from boxship.api.errors import message_of
from boxship.api.errors import status_of as plain_status
from boxship.api.response import Headers, Response
from boxship.engine.registry.server import faults

STATUS_BY_CLASS: Final[dict[type[BaseException], int]] = {
    faults.BlobUnknownError: 404,
    faults.UploadInvalidError: 400,
    faults.UploadUnknownError: 404,
    faults.DigestInvalidError: 400,
    faults.ReferenceMissingError: 400,
    faults.ManifestInvalidError: 400,
    faults.ManifestUnknownError: 404,
    faults.NameInvalidError: 400,
    faults.NameUnknownError: 404,
    faults.TagInvalidError: 400,
    faults.TooLargeError: 413,
    faults.RangeInvalidError: 416,
    faults.UnauthorizedError: 401,
    faults.DeniedError: 403,
    faults.ReadOnlyError: 405,
    faults.TooManyRequestsError: 429,
    faults.UnsupportedError: 405,
    faults.PageInvalidError: 400,
    faults.NoSpaceError: 507,
    faults.UpstreamError: 502,
}
_RETRY_S: Final = "5"


class NoSuchPathError(faults.RegistryFaultError):
    """The registry has nothing at this path."""

    code = "UNSUPPORTED"


class AnswerError(Exception):
    """A fault whose answer has headers of its own."""

    def __init__(self, fault: faults.RegistryFaultError, headers: Headers) -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.headers = headers


def fault_response(error: BaseException) -> Response:
    """Turn any error into an answer."""
    if isinstance(error, AnswerError):
        return _response(error.fault, error.headers)
    headers: Headers = ()
    if isinstance(error, faults.TooManyRequestsError):
        headers = (("Retry-After", _RETRY_S),)
    return _response(error, headers)


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an error."""
    if isinstance(error, AnswerError):
        return status_of(error.fault)
    if isinstance(error, NoSuchPathError):
        return 404
    return STATUS_BY_CLASS.get(type(error)) or plain_status(error)


def _response(error: BaseException, headers: Headers) -> Response:
    is_fault = isinstance(error, faults.RegistryFaultError)
    entry: dict[str, object] = {
        "code": error.code if isinstance(error, faults.RegistryFaultError) else "UNKNOWN",
        "message": message_of(error) if is_fault else "the registry failed; its log says how",
    }
    if isinstance(error, faults.RegistryFaultError) and error.detail:
        entry["detail"] = error.detail
    body = msgspec.json.encode({"errors": [entry]}) + b"\n"
    return Response(status_of(error), body, "application/json", headers)
