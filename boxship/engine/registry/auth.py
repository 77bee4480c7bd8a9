"""Credentials for registries, and the challenges with which registries ask for them.

Sources: RFC 9110 section 11, distribution's token authentication specification.
"""

import base64
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from boxship.errors import InvalidParameterError
from boxship.reference import DEFAULT_DOMAIN

CLIENT_ID = "boxship"
MIN_TOKEN_LIFETIME_S = 60
_AUTH_PARAMETER = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_DOCKER_HUB = frozenset({"", "index.docker.io", "registry-1.docker.io", DEFAULT_DOMAIN})
_SCHEME = re.compile(r"\s*(?:^|,\s*|\s)(bearer|basic)(?:\s+|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAuth:
    """What a user gave us for one registry (Docker's X-Registry-Auth)."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    """Refresh token of an OAuth2 registry; takes the password's place."""
    registry_token: str = ""
    """Bearer token that is sent as it is."""
    server_address: str = ""

    @property
    def domain(self) -> str:
        """The registry that these are for, as image names begin; the default one if untold."""
        address = self.server_address.partition("://")[2] or self.server_address
        host = address.partition("/")[0]
        return DEFAULT_DOMAIN if host in _DOCKER_HUB else host

    @property
    def basic(self) -> str:
        """Value of a Basic Authorization header, empty without a user name."""
        if not self.username:
            return ""
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode("ascii")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One WWW-Authenticate challenge; the scheme is in lower case."""

    scheme: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and when it ends (``time.monotonic``)."""

    value: str
    expires_at: float
    refresh: str = ""
    """Refresh token that came along: Docker's identity token."""

    @property
    def is_fresh(self) -> bool:
        """Whether a request that begins now may carry it."""
        return time.monotonic() < self.expires_at


def parse_challenges(headers: list[str]) -> list[Challenge]:
    """Read WWW-Authenticate header values; unknown schemes are passed over."""
    challenges = []
    for header in headers:
        marks = list(_SCHEME.finditer(header))
        for place, mark in enumerate(marks):
            end = marks[place + 1].start() if place + 1 < len(marks) else len(header)
            parameters = {
                name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain
                for name, quoted, plain in _AUTH_PARAMETER.findall(header[mark.end() : end])
            }
            challenges.append(Challenge(mark[1].lower(), parameters))
    return challenges


def token_query(
    challenge: Challenge, scopes: list[str], auth: RegistryAuth, *, offline: bool = False
) -> str:
    """Return the query string with which a token is asked for.

    offline: ask for a refresh token too, which takes the password's place from then on.
    """
    fields = [("service", challenge.parameters.get("service", ""))]
    fields += [("scope", scope) for scope in scopes]
    if auth.username:
        fields.append(("account", auth.username))
    if offline:
        fields += [("client_id", CLIENT_ID), ("offline_token", "true")]
    return urlencode([(name, value) for name, value in fields if value])


def refresh_form(challenge: Challenge, scopes: list[str], auth: RegistryAuth) -> bytes:
    """Return the form with which an identity token is traded for a bearer token."""
    fields = {
        "grant_type": "refresh_token",
        "service": challenge.parameters.get("service", ""),
        "client_id": CLIENT_ID,
        "scope": " ".join(scopes),
        "refresh_token": auth.identity_token,
    }
    return urlencode(fields).encode()


def parse_token(body: bytes) -> Token:
    """Read a token server's answer. Raises InvalidParameterError."""
    try:
        answer: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = None
    if not isinstance(answer, dict):
        raise InvalidParameterError("the token server's answer is not a JSON object")
    value = answer.get("token") or answer.get("access_token")
    if not isinstance(value, str) or not value.isprintable() or not value.isascii():
        raise InvalidParameterError("authorization server did not include a token in the response")
    lifetime = answer.get("expires_in")
    seconds = lifetime if isinstance(lifetime, (int, float)) else 0
    refresh = answer.get("refresh_token")
    return Token(
        value,
        time.monotonic() + max(seconds, MIN_TOKEN_LIFETIME_S) * 0.9,
        refresh if isinstance(refresh, str) else "",
    )
