"""The distribution specification from a client's side, for tests: every request by hand."""

import hashlib
import http.client
import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from boxship.oci import media_types
from tests.support.registry import Registry

Json = dict[str, Any]
EMPTY_CONFIG = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"


@dataclass
class Answer:
    """Status, headers (names in lower case; repeated ones joined) and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The first error's code."""
        return str(self.json()["errors"][0]["code"])

    @property
    def message(self) -> str:
        """The first error's text."""
        return str(self.json()["errors"][0]["message"])


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """``<algorithm>:<hex>`` of data."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def descriptor(data: bytes, media_type: str, algorithm: str = "sha256") -> Json:
    """A descriptor of data."""
    return {
        "mediaType": media_type,
        "digest": digest_of(data, algorithm),
        "size": len(data),
    }


class Repository:
    """One repository of a registry, over one connection."""

    def __init__(self, registry: Registry, name: str, authorization: str = "") -> None:
        self.registry = registry
        self.name = name
        self.authorization = authorization
        self.connection = registry.connect()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        /,
        **query: str,
    ) -> Answer:
        """Send a request; a path without leading slash is the repository's own."""
        target = path if path.startswith("/") else f"/v2/{self.name}/{path}"
        if query:
            target += ("&" if "?" in target else "?") + urlencode(query)
        given = {**({"Authorization": self.authorization} if self.authorization else {})}
        given |= headers or {}
        self.connection.request(method, target, body, given)
        return _answer(self.connection.getresponse())

    # Blobs

    def begin(self, **query: str) -> str:
        """Begin an upload; return its location."""
        answer = self.ask("POST", "blobs/uploads/", b"", **query)
        assert answer.status == 202, answer
        return answer.headers["location"]

    def push_blob(self, data: bytes, algorithm: str = "sha256") -> str:
        """Push a blob with POST and PUT; return its digest."""
        digest = digest_of(data, algorithm)
        answer = self.ask("PUT", self.begin(), data, digest=digest)
        assert answer.status == 201, answer
        return digest

    def patch(self, location: str, data: bytes, start: int | None = None) -> Answer:
        """Send a piece of an upload; ``start`` makes a Content-Range."""
        headers = {"Content-Type": "application/octet-stream"}
        if start is not None:
            headers["Content-Range"] = f"{start}-{start + len(data) - 1}"
        return self.ask("PATCH", location, data, headers)

    def has_blob(self, digest: str) -> bool:
        """Ask with HEAD."""
        answer = self.ask("HEAD", f"blobs/{digest}")
        assert answer.status in (200, 404), answer
        return answer.status == 200

    def blob(self, digest: str, **headers: str) -> Answer:
        """Fetch a blob."""
        return self.ask("GET", f"blobs/{digest}", None, headers)

    # Manifests

    def put(self, reference: str, document: bytes, media_type: str, **query: str) -> Answer:
        """Push a manifest."""
        path = f"manifests/{quote(reference, safe=':')}"
        return self.ask("PUT", path, document, {"Content-Type": media_type}, **query)

    def push_image(
        self, reference: str = "", *, layer_count: int = 1, algorithm: str = "sha256", **extra: Any
    ) -> tuple[str, bytes]:
        """Push an image of random layers by tag (or digest); return digest and manifest."""
        document = self.image(layer_count=layer_count, algorithm=algorithm, **extra)
        digest = digest_of(document, algorithm)
        answer = self.put(reference or digest, document, media_types.OCI_MANIFEST)
        assert answer.status == 201, answer
        return digest, document

    def image(self, *, layer_count: int = 1, algorithm: str = "sha256", **extra: Any) -> bytes:
        """Push an image's blobs and return its manifest; ``extra`` are members of it."""
        datas = [os.urandom(256) for _ in range(layer_count)]
        config = json.dumps({"architecture": "amd64", "os": "linux", "seed": os.urandom(8).hex()})
        for data in (*datas, config.encode()):
            self.push_blob(data, algorithm)
        return manifest_of(
            descriptor(config.encode(), media_types.OCI_CONFIG, algorithm),
            [descriptor(data, media_types.OCI_LAYER_GZIP, algorithm) for data in datas],
            **extra,
        )

    def artifact(self, kind: str, **extra: Any) -> bytes:
        """Push an artifact's blobs and return its manifest."""
        data = os.urandom(64)
        self.push_blob(data)
        self.push_blob(EMPTY_CONFIG)
        return manifest_of(
            descriptor(EMPTY_CONFIG, EMPTY_TYPE),
            [descriptor(data, kind)],
            artifactType=kind,
            **extra,
        )


def manifest_of(config: Json, layers: list[Json], **extra: Any) -> bytes:
    """An OCI manifest as bytes."""
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": config,
        "layers": layers,
        **extra,
    }
    return json.dumps(document).encode()


def index_of(manifests: list[Json], **extra: Any) -> bytes:
    """An OCI index as bytes."""
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_INDEX,
        "manifests": manifests,
        **extra,
    }
    return json.dumps(document).encode()


def _answer(response: http.client.HTTPResponse) -> Answer:
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return Answer(response.status, headers, response.read())
