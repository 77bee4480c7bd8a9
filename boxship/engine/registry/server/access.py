"""Who may do what: the interface that each kind of authentication has."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

PULL: Final = "pull"
PUSH: Final = "push"
DELETE: Final = "delete"
CATALOG: Final = "*"
"""The action on ``registry:catalog`` (distribution's token scopes)."""
TOKEN_PATH: Final = "/token"
"""Where a registry that issues tokens itself does so."""


class Grant(Protocol):
    """What one client may do."""

    @property
    def user(self) -> str:
        """Who it is; empty: nobody in particular."""

    @property
    def is_known(self) -> bool:
        """Whether acceptable credentials came with the request."""

    def allows(self, name: str, action: str) -> bool:
        """Tell whether an action on a repository is allowed; an empty name means the catalog."""


class Issuer(Protocol):
    """Issues tokens that the registry takes itself."""

    async def issue(self, authorization: str, scopes: Sequence[str]) -> dict[str, Any]:
        """Return the answer with a token. Raises UnauthorizedError for a wrong password."""


class Authority(Protocol):
    """Decides by the Authorization header."""

    async def grant(self, authorization: str) -> Grant:
        """Return what the credentials allow. Raises UnauthorizedError for bad ones."""

    def challenge(self, name: str, action: str, origin: str, error: str) -> str:
        """Return the WWW-Authenticate header for what was refused.

        origin: ``https://host``, as the client wrote it. error: RFC 6750's word, may be empty.
        """

    @property
    def retries_refused(self) -> bool:
        """Whether a client that may not do something can come again with more (tokens)."""

    @property
    def issuer(self) -> Issuer | None:
        """What serves ``/token``; None: nothing does."""


class Everybody:
    """Everybody may do everything."""

    user = ""
    is_known = True

    def allows(self, _name: str, _action: str) -> bool:
        """Allow."""
        return True


class OpenDoor:
    """No authentication."""

    retries_refused = False
    issuer = None

    async def grant(self, _authorization: str) -> Grant:
        """Allow everything."""
        return Everybody()

    def challenge(self, _name: str, _action: str, _origin: str, _error: str) -> str:
        """Nothing is refused, so nothing is asked for."""
        return ""
