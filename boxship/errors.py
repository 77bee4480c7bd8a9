"""The errors of the whole house.

Every error that a user may see is one of these classes; the API turns the class into an HTTP
status in one place (``boxship.api.errors``), the command line prints the message. A message says
what happened, why, and what to do; where Docker has well-known words, it uses them.
"""


class BoxshipError(Exception):
    """Base of all errors that are meant for a user. Not raised itself."""

    @property
    def message(self) -> str:
        """The text for the user."""
        return str(self)


class InvalidParameterError(BoxshipError):
    """The request is malformed or contradictory; nothing was changed (HTTP 400)."""


class UnauthorizedError(BoxshipError):
    """Credentials are missing or wrong (HTTP 401)."""


class ForbiddenError(BoxshipError):
    """The operation is never allowed on this object (HTTP 403)."""


class NotFoundError(BoxshipError):
    """The named object does not exist (HTTP 404)."""


class NotModifiedError(BoxshipError):
    """The object is already in the wanted state (HTTP 304)."""


class ConflictError(BoxshipError):
    """The object's state or another object forbids the operation (HTTP 409)."""


class InternalError(BoxshipError):
    """Something failed below us: the kernel, the runtime, the disk (HTTP 500)."""


class NotSupportedError(BoxshipError):
    """This host or build cannot do it (HTTP 501)."""


class UnavailableError(BoxshipError):
    """A service we need does not answer (HTTP 503)."""
