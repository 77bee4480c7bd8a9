"""One request to the registry, as its handlers see it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from boxship.api.registry.paths import Target
from boxship.api.request import Request
from boxship.api.response import Headers, Response
from boxship.engine.registry.server.access import Grant
from boxship.engine.registry.server.faults import PageInvalidError
from boxship.engine.registry.server.service import Registry

MAX_PAGE: Final = 1000
EVERYTHING: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Call:
    """A request, what its path names, and what the client may do."""

    request: Request
    target: Target
    registry: Registry
    grant: Grant

    @property
    def name(self) -> str:
        """The repository."""
        return self.target.name

    @property
    def reference(self) -> str:
        """The last part of the path: tag, digest or upload."""
        return self.target.reference

    @property
    def path(self) -> str:
        """The repository's own path."""
        return f"/v2/{self.name}"


Handler = Callable[[Call], Awaitable[Response | None]]


def page_size(text: str, default: int) -> int:
    """Read the parameter ``n``. Raises PageInvalidError."""
    if not text:
        return default
    if not text.isdecimal() or len(text) > 18:
        raise PageInvalidError(f"invalid number of entries n={text[:40]!r}: a whole number from 0")
    return int(text)


def next_link(target: str) -> Headers:
    """Return the Link header (RFC 8288) that leads to the next page."""
    return (("Link", f'<{target}>; rel="next"'),)


def not_changed(request: Request, digest: str) -> bool:
    """Tell whether the client has this content already (If-None-Match)."""
    known = request.headers.get("if-none-match", "")
    return f'"{digest}"' in known or known.strip() == digest
