"""What registries answer when something is wrong, in Docker's words."""

from typing import Any

import msgspec

from boxship.errors import (
    BoxshipError,
    ForbiddenError,
    InternalError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
)

_MAX_QUOTE = 300
_CODES_BY_STATUS = {
    401: "UNAUTHORIZED",
    403: "DENIED",
    413: "SIZE_INVALID",
    429: "TOOMANYREQUESTS",
}
_MESSAGES = {
    "UNAUTHORIZED": "authentication required",
    "DENIED": "requested access to the resource is denied",
    "SIZE_INVALID": "the registry, or a proxy before it, takes no content of this size",
    "TOOMANYREQUESTS": "too many requests; wait and try again, or log in for a higher limit",
    "MANIFEST_UNKNOWN": "manifest unknown",
    "NAME_UNKNOWN": "repository name not known to registry",
}


class RegistryError(Exception):
    """An answer that is not the wanted one; translated before a user sees it.

    status: HTTP status. code: the registry's own (``MANIFEST_UNKNOWN``), may be empty.
    retry_after_s: how long it asked us to wait; None: it did not.
    """

    def __init__(
        self, status: int, code: str, text: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed a little later."""
        return self.status in (408, 429) or self.status >= 500


class UnreachableError(Exception):
    """The registry could not be reached, or the connection broke; may succeed later."""


class PlainHttpError(UnreachableError):
    """The registry speaks HTTP without TLS, where HTTPS was tried."""


class TransferCancelledError(Exception):
    """Whoever wanted the transfer is gone."""


def error_from_answer(
    url: str, status: int, body: bytes, content_type: str, retry_after_s: float | None = None
) -> RegistryError:
    """Read the error document of an answer, or say what came instead of one."""
    code, message = _first_error(body)
    if not code and status in _CODES_BY_STATUS:
        code = _CODES_BY_STATUS[status]
        message = message or _MESSAGES[code]
    if code:
        words = code.lower().replace("_", " ")
        detail = message or _MESSAGES.get(code, "")
        return RegistryError(status, code, f"{words}: {detail}" if detail else words, retry_after_s)
    quote = body[:_MAX_QUOTE].decode("utf-8", "replace").strip()
    text = f"received unexpected HTTP status {status} from {url}"
    if "html" in content_type:
        text += " with a web page instead of a registry's answer: is this a registry?"
    elif quote:
        text += f": {quote}"
    return RegistryError(status, "", text, retry_after_s)


def _first_error(body: bytes) -> tuple[str, str]:
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", ""
    errors = document.get("errors") if isinstance(document, dict) else None
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(errors[0].get("code") or ""), str(errors[0].get("message") or "")
    if isinstance(document, dict) and isinstance(document.get("details"), str):
        return "", document["details"]  # a token server's answer
    return "", ""


def translate(error: RegistryError, familiar_name: str, familiar: str) -> BoxshipError:
    """Turn a registry's answer about an image into an error for the user.

    familiar_name, familiar: the image as people write it, without and with its tag.
    """
    text = str(error)
    if error.code == "DENIED" and error.status != 429:
        return NotFoundError(
            f"pull access denied for {familiar_name}, repository does not exist or may require "
            f"'docker login': {text}"
        )
    if error.code == "NAME_UNKNOWN":
        return NotFoundError(f"repository {familiar_name} not found: {text}")
    if error.code == "MANIFEST_UNKNOWN" or error.status == 404:
        reason = text if error.code else "manifest unknown: manifest unknown"
        return NotFoundError(f"manifest for {familiar} not found: {reason}")
    if error.status == 401:
        return UnauthorizedError(text)
    if error.status == 403:
        return ForbiddenError(text)
    if error.is_transient:
        return UnavailableError(text)
    return InternalError(text)


def translate_push(error: RegistryError, familiar_name: str, familiar: str) -> BoxshipError:
    """Turn a registry's answer to a push into an error for the user; arguments as above."""
    text = str(error)
    if error.code == "DENIED" and error.status != 429:
        return ForbiddenError(
            f"push access denied for {familiar_name}, repository does not exist or may require "
            f"'docker login': {text}"
        )
    if error.status == 401:
        return UnauthorizedError(text)
    if error.status == 404 or error.code == "NAME_UNKNOWN":
        return NotFoundError(
            f"{familiar} cannot be pushed, its registry has no place for it: {text}"
        )
    if error.is_transient:
        return UnavailableError(text)
    return InternalError(f"{familiar} cannot be pushed: {text}")


def translate_question(error: RegistryError, familiar: str) -> BoxshipError:
    """Turn a registry's answer to a question about ``familiar`` into an error for the user."""
    text = str(error)
    if error.status == 401:
        return UnauthorizedError(text)
    if error.status == 403 or error.code == "DENIED":
        return ForbiddenError(text)
    if error.status == 404:
        return NotFoundError(text if error.code else f"{familiar}: manifest unknown")
    if error.is_transient:
        return UnavailableError(text)
    return InternalError(f"{familiar}: {text}")
