"""Who may use a registry: passwords, tokens, certificates; and what a read-only one refuses."""

import base64
import http.client
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from boxship.oci import media_types
from tests.engine.registry.conftest import StartRegistry
from tests.support.certs import Authority
from tests.support.distribution import Repository, digest_of
from tests.support.own_registry import ROOT, OwnRegistry, password_file
from tests.support.registry import BASIC, TokenServer
from tests.support.waiting import wait_until

WRONG = "Basic " + base64.b64encode(b"tester:wrong").decode()


def test_passwords(start_registry: StartRegistry, scratch: Path) -> None:
    registry = start_registry(f"--auth=htpasswd:{password_file(scratch)}")
    for authorization in ("", WRONG, "Bearer x"):
        stranger = Repository(registry, "app", authorization)
        for method, path in (("GET", "/v2/"), ("GET", "tags/list"), ("POST", "blobs/uploads/")):
            answer = stranger.ask(method, path)
            assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
            assert answer.headers["www-authenticate"].startswith('Basic realm="Boxship registry"')
        head = stranger.ask("HEAD", "manifests/v1")
        assert (head.status, head.body) == (401, b"")
        assert head.headers["www-authenticate"].startswith("Basic realm=")
        stranger.connection.close()
    user = Repository(registry, "app", BASIC)
    assert user.ask("GET", "/v2/").status == 200
    user.push_image("v1")
    assert user.ask("GET", "/v2/_catalog").json() == {"repositories": ["app"]}
    user.connection.close()


def test_everybody_may_pull(start_registry: StartRegistry, scratch: Path) -> None:
    registry = start_registry(f"--auth=htpasswd:{password_file(scratch)}", "--anonymous-pull")
    user, stranger = Repository(registry, "app", BASIC), Repository(registry, "app")
    digest, document = user.push_image("v1")
    assert stranger.ask("GET", "manifests/v1").body == document
    assert stranger.ask("GET", "tags/list").json()["tags"] == ["v1"]
    for method, path in (
        ("PUT", "manifests/v1"),
        ("DELETE", f"manifests/{digest}"),
        ("POST", "blobs/uploads/"),
        ("GET", "/v2/_catalog"),
        ("GET", "/v2/"),  # clients look here whether to send a password
    ):
        assert stranger.ask(method, path).status == 401
    for repository in (user, stranger):
        repository.connection.close()


def _with_tokens(start_registry: StartRegistry, tokens: TokenServer) -> OwnRegistry:
    given = {
        "realm": tokens.url,
        "service": tokens.service,
        "issuer": tokens.issuer,
        "keys": str(tokens.certificate.cert_path),
    }
    return start_registry("--auth=token:" + ",".join(f"{k}={v}" for k, v in given.items()))


def test_tokens(start_registry: StartRegistry, scratch: Path) -> None:
    tokens = TokenServer(Authority(scratch / "tokens").root)
    registry = _with_tokens(start_registry, tokens)
    stranger = Repository(registry, "app")
    answer = stranger.ask("POST", "blobs/uploads/", b"")
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == (
        f'Bearer realm="{tokens.url}",service="{tokens.service}",scope="repository:app:pull,push"'
    )
    user = Repository(registry, "app", f"Bearer {tokens.token('app', ['pull', 'push'])}")
    digest, _ = user.push_image("v1")
    answer = user.ask("DELETE", f"manifests/{digest}")
    assert answer.status == 401
    assert (
        'scope="repository:app:delete",error="insufficient_scope"'
        in (answer.headers["www-authenticate"])
    )
    other = Repository(registry, "other", user.authorization)
    assert other.ask("GET", "tags/list").status == 401
    forged = Repository(registry, "app", user.authorization[:-8] + "AAAAAAAA")
    answer = forged.ask("GET", "tags/list")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    tokens.close()
    for repository in (stranger, user, other, forged):
        repository.connection.close()


def test_a_mount_needs_the_right_to_read_there(
    start_registry: StartRegistry, scratch: Path
) -> None:
    tokens = TokenServer(Authority(scratch / "tokens").root)
    registry = _with_tokens(start_registry, tokens)
    secret = Repository(registry, "secret", f"Bearer {tokens.token('secret', ['pull', 'push'])}")
    digest = secret.push_blob(b"a secret")
    app = Repository(registry, "app", f"Bearer {tokens.token('app', ['pull', 'push'])}")
    for query in ({"mount": digest}, {"mount": digest, "from": "secret"}):
        assert app.ask("POST", "blobs/uploads/", b"", **query).status == 202
    assert not app.has_blob(digest)
    tokens.close()
    for repository in (secret, app):
        repository.connection.close()


def test_tls_with_client_certificates(
    start_registry: StartRegistry, authority: Authority, scratch: Path
) -> None:
    clients = Authority(scratch / "clients")
    registry = start_registry(f"--tls-client-ca={clients.root.cert_path}", tls=authority)
    context = ssl.create_default_context(cafile=str(authority.root.cert_path))
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        _ask_base(registry, context)
    certificate = clients.server("somebody", client=True)
    context.load_cert_chain(certificate.cert_path, certificate.key_path)
    assert _ask_base(registry, context) == 200


def _ask_base(registry: OwnRegistry, context: ssl.SSLContext) -> int:
    connection = http.client.HTTPSConnection("127.0.0.1", registry.port, context=context)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status
    finally:
        connection.close()


def test_blobs_by_tls(start_registry: StartRegistry, authority: Authority) -> None:
    repository = Repository(start_registry(tls=authority), "app")
    data = bytes(range(256)) * 8192
    digest = repository.push_blob(data)
    assert repository.blob(digest).body == data
    assert repository.blob(digest, Range="bytes=1000000-1000009").body == data[1000000:1000010]
    repository.connection.close()


def test_read_only(start_registry: StartRegistry) -> None:
    registry = start_registry()
    before = Repository(registry, "app")
    digest, document = before.push_image("v1")
    before.connection.close()
    registry.stop()
    registry.arguments = ["--read-only"]
    registry.start()
    repository = Repository(registry, "app")
    assert repository.ask("GET", "manifests/v1").body == document
    blob = digest_of(b"x")
    for answer in (
        repository.ask("POST", "blobs/uploads/", b""),
        repository.ask("POST", "blobs/uploads/", b"", mount=blob),
        repository.put("v2", document, media_types.OCI_MANIFEST),
        repository.ask("DELETE", f"manifests/{digest}"),
        repository.ask("DELETE", "manifests/v1"),
        repository.ask("DELETE", f"blobs/{blob}"),
    ):
        assert (answer.status, answer.code) == (405, "DENIED")
        assert "started with --read-only" in answer.message
    repository.connection.close()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--addr=0.0.0.0:5000"], "refusing to serve plain HTTP on 0.0.0.0:5000"),
        (["--addr=5000"], "invalid address '5000': write it as HOST:PORT"),
        (["--tls-cert=/none"], "--tls-cert and --tls-key belong together"),
        (["--tls-cert=/none", "--tls-key=/none"], "cannot use the certificates"),
        (["--auth=ldap:x"], "invalid --auth 'ldap:x': write htpasswd:FILE, or token:"),
        (["--auth=htpasswd:/none"], "cannot read the password file /none"),
        (["--auth=token:realm=x"], "invalid --auth token: service, issuer, keys"),
        (["--anonymous-pull"], "only together with --auth"),
        (["--proxy-to=example.com"], "write it as http(s)://host[:port]"),
    ],
)
def test_settings_that_cannot_be(scratch: Path, arguments: list[str], reason: str) -> None:
    command = [sys.executable, "-m", "boxship.entrypoints.registry", "serve", "--root"]
    done = subprocess.run(
        [*command, str(scratch / "root"), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert reason in done.stderr


def test_the_log_has_a_line_for_each_request(start_registry: StartRegistry) -> None:
    registry = start_registry()
    repository = Repository(registry, "app")
    repository.ask("GET", "/v2/x%0Aforged/tags/list", None, {"User-Agent": "test/1"})
    wait_until(lambda: '"GET /v2/x\\nforged/tags/list" 400 ' in registry.log(), registry.log)
    line = registry.log().splitlines()[-1]
    assert line.endswith('"test/1"')
    repository.connection.close()
