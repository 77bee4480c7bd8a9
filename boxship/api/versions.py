"""API versions: the range that is served, and the check of a request's version.

Docker's rules (moby, ``daemon/server/middleware/version.go``): a path may start with ``/vN.M``;
without it the newest version is meant; outside the range the answer is 400 with fixed words.
"""

import re
from typing import Final, NamedTuple

from boxship.errors import InvalidParameterError
from boxship.units import natural


class ApiVersion(NamedTuple):
    """A version such as 1.44; compares by number, so 1.9 < 1.24."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


MIN_API_VERSION: Final = ApiVersion(1, 24)
MAX_API_VERSION: Final = ApiVersion(1, 55)

_PREFIX = re.compile(r"/v([0-9.]+)(/.*)", re.DOTALL)


class ApiVersionError(InvalidParameterError):
    """The requested version is outside the served range (HTTP 400)."""

    def __init__(self, message: str, *, plain_text: bool) -> None:
        """``plain_text``: clients older than 1.24 print the body as it is, so no JSON for them."""
        super().__init__(message)
        self.plain_text = plain_text


def split_version(path: str) -> tuple[str | None, str]:
    """Split ``/v1.44/info`` into ``("1.44", "/info")``; a path without prefix stays whole."""
    match = _PREFIX.fullmatch(path)
    return (match[1], match[2]) if match else (None, path)


def parse_version(text: str) -> ApiVersion:
    """Parse ``1.44``; missing or odd parts count as 0, as in Docker."""
    parts = [natural(part) or 0 for part in text.split(".")]
    major, minor = [*parts, 0][:2]
    return ApiVersion(major, minor)


def check_version(text: str | None, minimum: ApiVersion = MIN_API_VERSION) -> ApiVersion:
    """Return the version a request asks for; None means the newest.

    Raises ApiVersionError with Docker's words when it is not served.
    """
    if text is None:
        return MAX_API_VERSION
    version = parse_version(text)
    if version < minimum:
        raise ApiVersionError(
            f"client version {text} is too old. Minimum supported API version is {minimum}, "
            "please upgrade your client to a newer version",
            plain_text=version < MIN_API_VERSION,
        )
    if version > MAX_API_VERSION:
        raise ApiVersionError(
            f"client version {text} is too new. Maximum supported API version is {MAX_API_VERSION}",
            plain_text=False,
        )
    return version
