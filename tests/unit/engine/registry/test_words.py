"""Challenges, tokens, endpoints and errors of registries, without a network."""

import pytest

from boxship.engine.config import RegistryConfig
from boxship.engine.registry.auth import Challenge, RegistryAuth, parse_challenges, parse_token
from boxship.engine.registry.endpoint import Endpoint, endpoints, is_insecure
from boxship.engine.registry.errors import error_from_answer, translate
from boxship.errors import (
    BoxshipError,
    InternalError,
    InvalidParameterError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
)


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ('Basic realm="x"', [Challenge("basic", {"realm": "x"})]),
        (
            'Bearer realm="https://auth/token",service="reg",scope="repository:a:pull,push"',
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth/token",
                        "service": "reg",
                        "scope": "repository:a:pull,push",
                    },
                )
            ],
        ),
        (
            'bearer realm=plain, Basic realm="a \\"b\\""',
            [Challenge("bearer", {"realm": "plain"}), Challenge("basic", {"realm": 'a "b"'})],
        ),
        ("Negotiate", []),
        ("", []),
    ],
)
def test_challenges(header: str, challenges: list[Challenge]) -> None:
    assert parse_challenges([header]) == challenges


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<html>", b'{"token":5}', b'{"token":"a\\nb"}'])
def test_token_answers_that_make_no_sense(body: bytes) -> None:
    with pytest.raises(InvalidParameterError):
        parse_token(body)


def test_tokens() -> None:
    assert parse_token(b'{"access_token":"abc","expires_in":300}').is_fresh
    assert parse_token(b'{"token":"abc"}').value == "abc"


def test_basic() -> None:
    assert RegistryAuth().basic == ""
    assert RegistryAuth(username="me", password="p:w").basic == "Basic bWU6cDp3"


def test_where_registries_are() -> None:
    config = RegistryConfig(mirrors=("https://mirror.test/",), insecure=("plain.test:5000",))
    assert endpoints("docker.io", config) == [
        Endpoint("https://mirror.test", is_mirror=True),
        Endpoint("https://registry-1.docker.io"),
    ]
    assert endpoints("ghcr.io", config) == [Endpoint("https://ghcr.io")]
    for host in ("plain.test:5000", "127.0.0.1:5000", "localhost:5000", "[::1]:5000"):
        assert endpoints(host, config) == [
            Endpoint(f"https://{host}", verify_tls=False),
            Endpoint(f"http://{host}"),
        ]
    with pytest.raises(InvalidParameterError, match="invalid mirror"):
        endpoints("docker.io", RegistryConfig(mirrors=("mirror.test",)))


@pytest.mark.parametrize(
    ("host", "insecure", "expected"),
    [
        ("10.1.2.3:5000", ("10.0.0.0/8",), True),
        ("11.1.2.3:5000", ("10.0.0.0/8",), False),
        ("[fd00::1]:5000", ("fd00::/8",), True),
        ("reg.test", ("reg.test:5000",), False),
        ("reg.test", (), False),
    ],
)
def test_insecure_registries(host: str, insecure: tuple[str, ...], expected: bool) -> None:
    assert is_insecure(host, insecure) == expected


def answer(status: int, code: str = "", message: str = "") -> BoxshipError:
    """Translate a registry's answer about app:1."""
    body = b'{"errors":[{"code":"%s","message":"%s"}]}' % (code.encode(), message.encode())
    error = error_from_answer("http://reg/v2/", status, body if code else b"", "application/json")
    return translate(error, "reg/app", "reg/app:1")


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            answer(404, "MANIFEST_UNKNOWN", "manifest unknown"),
            NotFoundError,
            "manifest for reg/app:1 not found: manifest unknown: manifest unknown",
        ),
        (
            answer(404, "NAME_UNKNOWN", "repository name not known to registry"),
            NotFoundError,
            "repository reg/app not found: name unknown: repository name not known to registry",
        ),
        (
            answer(401, "DENIED", "requested access to the resource is denied"),
            NotFoundError,
            "pull access denied for reg/app, repository does not exist or may require "
            "'docker login': denied: requested access to the resource is denied",
        ),
        (
            answer(401, "UNAUTHORIZED", "authentication required"),
            UnauthorizedError,
            "unauthorized: authentication required",
        ),
        (answer(401), UnauthorizedError, "unauthorized: authentication required"),
        (
            answer(429),
            UnavailableError,
            "toomanyrequests: too many requests; wait and try again, or log in for a higher limit",
        ),
        (
            answer(502),
            UnavailableError,
            "received unexpected HTTP status 502 from http://reg/v2/",
        ),
        (
            answer(418),
            InternalError,
            "received unexpected HTTP status 418 from http://reg/v2/",
        ),
    ],
)
def test_errors(error: BoxshipError, kind: type[BoxshipError], message: str) -> None:
    assert type(error) is kind
    assert str(error) == message
