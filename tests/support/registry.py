"""Debian's docker-registry on a free loopback port: open, with passwords, with tokens, with TLS."""

import base64
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from boxship.entrypoints import base_image
from boxship.oci.media_types import ACCEPTED_MANIFESTS
from boxship.reference import Reference, parse_normalized
from tests.support.certs import Authority, Certificate
from tests.support.images import image_index

USERNAME = "tester"
PASSWORD = "secret"
IDENTITY_TOKEN = "refresh-me"
_HTPASSWD = "tester:$2b$04$Cp74dUCMu7HVTSwwX5pcseik8mimtLcgVlVVlTt1NfqnFOyjil9/a\n"
_START_SECONDS = 20.0
BASIC = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()


_UNPACKED = Path(__file__).parents[2] / ".tools/docker-registry/usr/bin/docker-registry"


def registry_program() -> str:
    """Debian's docker-registry: installed, or unpacked by `make test`."""
    return shutil.which("docker-registry") or str(_UNPACKED)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Registry:
    """One registry process; its storage is below the directory it is given."""

    def __init__(
        self, directory: Path, auth: dict[str, object] | None = None, *, address: str = "127.0.0.1"
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.address = address
        self.port = free_port()
        self.authority: Authority | None = None
        self._name = address
        self._auth = auth
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """``127.0.0.1:<port>``, as image names begin."""
        return f"{self.address}:{self.port}"

    @property
    def url(self) -> str:
        """Base URL."""
        return f"{'https' if self.authority else 'http'}://{self.host}"

    def use_tls(self, authority: Authority, name: str = "127.0.0.1") -> None:
        """Serve HTTPS with that authority's certificate for ``name``; call before start."""
        self.authority = authority
        self._name = name

    def start(self) -> None:
        """Start the process and wait until it answers."""
        configuration = self.directory / "config.yml"
        configuration.write_text(json.dumps(self._configuration()))  # JSON is YAML
        with (self.directory / "registry.log").open("ab") as log:
            self._process = subprocess.Popen(
                [registry_program(), "serve", str(configuration)], stdout=log, stderr=log
            )
        self._wait_until_it_answers()

    def _configuration(self) -> dict[str, object]:
        http_settings: dict[str, object] = {"addr": self.host}
        if self.authority:
            certificate = self.authority.server(self._name)
            http_settings["tls"] = {
                "certificate": str(certificate.cert_path),
                "key": str(certificate.key_path),
            }
        settings: dict[str, object] = {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.directory / "storage")},
                "delete": {"enabled": True},
            },
            "http": http_settings,
        }
        if self._auth:
            settings["auth"] = self._auth
        return settings

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                connection = self.connect()
                connection.request("GET", "/v2/")
                connection.getresponse().read()
                connection.close()
                return
            except OSError:
                assert self._process is not None
                assert self._process.poll() is None, (self.directory / "registry.log").read_text()
                assert time.monotonic() < deadline, "the registry did not come up"
                time.sleep(0.01)  # it offers no event for being ready

    def connect(self) -> http.client.HTTPConnection:
        """A new connection to the registry."""
        if self.authority is None:
            return http.client.HTTPConnection(self.address, self.port, timeout=10)
        context = ssl.create_default_context(cafile=str(self.authority.root.cert_path))
        context.check_hostname = self._name == self.address
        return http.client.HTTPSConnection(self.address, self.port, timeout=10, context=context)

    def stop(self) -> None:
        """End the process; its storage stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """End the process in the midst of what it does; its storage stays."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def blob_path(self, digest: str) -> Path:
        """The file that holds a blob, for tests that damage it."""
        algorithm, _, encoded = digest.partition(":")
        blobs = self.directory / "storage/docker/registry/v2/blobs"
        return blobs / algorithm / encoded[:2] / encoded / "data"


def push_image(registry: Registry, name: str, image: base_image.Image | None = None) -> Reference:
    """Push an image (busybox by default) as ``name[:tag]``; return its full reference.

    Only to registries without TLS; credentials are the fixed ones.
    """
    reference = parse_normalized(f"{registry.host}/{name}").with_default_tag()
    base_image.push(
        image or base_image.busybox_image(), reference, registry_authorization(registry)
    )
    return reference


def push_index(
    registry: Registry,
    name: str,
    images: Mapping[str, base_image.Image],
    attestations: Mapping[str, base_image.Image] | None = None,
    *,
    docker: bool = False,
) -> tuple[Reference, str]:
    """Push an index of images by platform as ``name[:tag]``; return its reference and digest."""
    reference = parse_normalized(f"{registry.host}/{name}").with_default_tag()
    for made in (*images.values(), *(attestations or {}).values()):
        member = Reference(reference.domain, reference.path, None, made.digest)
        base_image.push(made, member, registry_authorization(registry))
    index = image_index(images, attestations, docker=docker)
    return push_image(registry, name, index), index.digest


def served(registry: Registry, path: str) -> tuple[int, str]:
    """Ask a registry for a manifest: the status and its digest."""
    connection = registry.connect()
    accept = ", ".join(ACCEPTED_MANIFESTS)
    connection.request("HEAD", f"/v2/{path}", headers={"Accept": accept})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.getheader("Docker-Content-Digest") or ""


def registry_authorization(registry: Registry) -> str:
    """The Authorization header with which this registry lets us push."""
    if isinstance(registry, TokenRegistry):
        return f"Bearer {registry.tokens.token('*', ['pull', 'push'])}"
    return BASIC


def basic_registry(directory: Path) -> Registry:
    """A registry that wants USERNAME and PASSWORD."""
    directory.mkdir(parents=True, exist_ok=True)
    passwords = directory / "htpasswd"
    passwords.write_text(_HTPASSWD)
    return Registry(directory, {"htpasswd": {"realm": "test", "path": str(passwords)}})


class TokenRegistry(Registry):
    """A registry that sends clients to a token server; every repository needs a token."""

    def __init__(self, directory: Path) -> None:
        self.tokens = TokenServer(Authority(directory / "tokens").root)
        auth = {
            "realm": self.tokens.url,
            "service": TokenServer.service,
            "issuer": TokenServer.issuer,
            "rootcertbundle": str(self.tokens.certificate.cert_path),
        }
        super().__init__(directory, {"token": auth})

    def stop(self) -> None:
        """End the registry and the token server."""
        super().stop()
        self.tokens.close()


class TokenServer:
    """Hands out tokens (distribution's token specification) for USERNAME and PASSWORD.

    Anonymous clients may pull from repositories whose name begins with ``public/``. ``requests``
    lists the query of each request.
    """

    service = "registry.test"
    issuer = "token.test"

    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate
        self.identity_tokens = False
        """Whether a login is given a refresh token, which takes the password's place."""
        self.requests: list[dict[str, list[str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The realm."""
        return f"http://127.0.0.1:{self._server.server_port}/token"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, query: dict[str, list[str]], authorization: str) -> str | None:
        """A token for what the query's scopes name, or None for bad credentials."""
        self.requests.append(query)
        if authorization and authorization != BASIC:
            return None
        access: list[dict[str, object]] = []
        for scope in query.get("scope", []):
            kind, name, actions = scope.split(":", 2)
            allowed = actions.split(",")
            if not authorization:
                allowed = ["pull"] if name.startswith("public/") and "pull" in allowed else []
            access.append({"type": kind, "name": name, "actions": allowed})
        return self._sign(access)

    def token(self, name: str, actions: list[str]) -> str:
        """A token for one repository; ``*`` stands for those that the tests push to."""
        names = _PUSHED if name == "*" else (name,)
        return self._sign([{"type": "repository", "name": n, "actions": actions} for n in names])

    def _sign(self, access: list[dict[str, object]]) -> str:
        now = int(time.time())
        der = self.certificate.certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        claims = {
            "iss": self.issuer,
            "sub": USERNAME,
            "aud": self.service,
            "exp": now + 300,
            "nbf": now - 10,
            "iat": now,
            "jti": str(now),
            "access": access,
        }
        signed = f"{_base64(json.dumps(header))}.{_base64(json.dumps(claims))}"
        signature = self.certificate.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(signature)
        return f"{signed}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                token = owner.answer(query, self.headers.get("Authorization", ""))
                offline = owner.identity_tokens and "offline_token" in query
                self._send(token, {"refresh_token": IDENTITY_TOKEN} if offline else {})

            def do_POST(self) -> None:
                """Trade an identity token (OAuth2's refresh_token grant)."""
                length = int(self.headers.get("Content-Length", "0"))
                form = urllib.parse.parse_qs(self.rfile.read(length).decode())
                known = form.get("refresh_token") == [IDENTITY_TOKEN]
                scopes = [one for text in form.get("scope", []) for one in text.split()]
                token = owner.answer({**form, "scope": scopes}, BASIC) if known else None
                self._send(token, {})

            def _send(self, token: str | None, more: dict[str, str]) -> None:
                answer = {"token": token, "expires_in": 300, **more} if token else {}
                body = json.dumps(answer).encode()
                self.send_response(200 if token else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


_PUSHED = ("busybox", "library/busybox", "public/busybox", "private/busybox", "app", "private/app")


def _base64(data: str | bytes) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
