"""A registry with passwords that everybody may pull from issues its own tokens."""

import json
import stat
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.engine.registry.conftest import StartRegistry
from tests.support.distribution import Answer, Repository
from tests.support.own_registry import OwnRegistry, password_file
from tests.support.registry import BASIC

SERVICE = "boxship-registry"


@pytest.fixture
def registry(start_registry: StartRegistry, scratch: Path) -> OwnRegistry:
    """One that lets everybody pull."""
    return start_registry(f"--auth=htpasswd:{password_file(scratch)}", "--anonymous-pull")


def asked(registry: OwnRegistry, authorization: str, *scopes: str, method: str = "GET") -> Answer:
    """Ask for a token."""
    query = "&".join(f"scope={quote(scope)}" for scope in scopes)
    client = Repository(registry, "app", authorization)
    answer = client.ask(method, f"/token?service={SERVICE}&{query}")
    client.connection.close()
    return answer


def bearer(registry: OwnRegistry, authorization: str, *scopes: str) -> Repository:
    """A client with a token."""
    answer = asked(registry, authorization, *scopes)
    assert answer.status == 200
    token = json.loads(answer.body)
    assert token["token"] == token["access_token"]
    assert token["expires_in"] > 60
    return Repository(registry, "app", f"Bearer {token['token']}")


def test_strangers_are_sent_to_the_token_server(registry: OwnRegistry) -> None:
    stranger = Repository(registry, "app")
    for method, path, scope in (
        ("GET", "/v2/", ""),
        ("POST", "blobs/uploads/", ',scope="repository:app:pull,push"'),
        ("GET", "/v2/_catalog", ',scope="registry:catalog:*"'),
    ):
        answer = stranger.ask(method, path)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == (
            f'Bearer realm="http://{registry.host}/token",service="{SERVICE}"{scope}'
        )
    stranger.connection.close()


def test_tokens_allow_what_passwords_do(registry: OwnRegistry) -> None:
    scope = "repository:app:pull,push,delete"
    user = bearer(registry, BASIC, scope, "registry:catalog:*")
    stranger = bearer(registry, "", scope, "registry:catalog:*")
    digest, document = user.push_image("v1")
    assert user.ask("GET", "/v2/_catalog").json() == {"repositories": ["app"]}
    assert stranger.ask("GET", "/v2/").status == 200
    assert stranger.ask("GET", "manifests/v1").body == document
    for method, path in (
        ("POST", "blobs/uploads/"),
        ("DELETE", f"manifests/{digest}"),
        ("GET", "/v2/_catalog"),
    ):
        answer = stranger.ask(method, path)
        assert answer.status == 401
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    other = Repository(registry, "other", user.authorization)
    assert other.ask("POST", "blobs/uploads/").status == 401
    direct = Repository(registry, "other", BASIC)
    direct.push_image("v1")
    for one in (user, stranger, other, direct):
        one.connection.close()


def test_wrong_passwords_and_methods(registry: OwnRegistry) -> None:
    wrong = asked(registry, "Basic eDp5", "repository:app:pull")
    assert (wrong.status, wrong.code) == (401, "UNAUTHORIZED")
    assert wrong.headers["www-authenticate"].startswith("Basic realm=")
    posted = asked(registry, "", "repository:app:pull", method="POST")
    assert (posted.status, posted.headers["allow"]) == (405, "GET")


def test_the_key_outlives_the_registry(registry: OwnRegistry) -> None:
    user = bearer(registry, BASIC, "repository:app:pull,push")
    key = registry.root / "token.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    user.connection.close()
    registry.stop()
    registry.start()
    again = Repository(registry, "app", user.authorization)
    again.push_image("v1")
    again.connection.close()
    registry.stop()
    key.write_text("no key")
    with pytest.raises(AssertionError, match="cannot use the key of tokens"):
        registry.start()


def test_without_issuing_there_is_no_token_server(start_registry: StartRegistry) -> None:
    assert asked(start_registry(), "").status == 404
