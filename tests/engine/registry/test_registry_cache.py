"""A registry that is a cache of another one."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from boxship.oci import media_types
from tests.engine.registry.conftest import StartRegistry
from tests.support.distribution import Repository, descriptor, digest_of
from tests.support.own_registry import OwnRegistry

MIB = 1024 * 1024


@pytest.fixture
def home(start_registry: StartRegistry) -> OwnRegistry:
    """The registry behind the cache."""
    return start_registry(directory="home")


@pytest.fixture
def cache(start_registry: StartRegistry, home: OwnRegistry) -> OwnRegistry:
    """A cache of ``home``."""
    return start_registry(f"--proxy-to={home.url}", directory="cache")


@pytest.fixture
def there(home: OwnRegistry) -> Iterator[Repository]:
    """A repository at home."""
    repository = Repository(home, "app")
    yield repository
    repository.connection.close()


@pytest.fixture
def here(cache: OwnRegistry) -> Iterator[Repository]:
    """The same repository of the cache."""
    repository = Repository(cache, "app")
    yield repository
    repository.connection.close()


def requests(registry: OwnRegistry, what: str) -> int:
    """How many requests of a kind the registry has answered."""
    return sum(f'"{what}' in line for line in registry.log().splitlines())


def test_what_was_pulled_once_is_there_without_its_home(
    home: OwnRegistry, there: Repository, here: Repository
) -> None:
    digest, document = there.push_image("v1", layer_count=2)
    layers = [layer["digest"] for layer in there.ask("GET", "manifests/v1").json()["layers"]]
    datas = [there.blob(layer).body for layer in layers]
    for round_ in range(2):
        answer = here.ask("GET", "manifests/v1")
        assert (answer.body, answer.headers["docker-content-digest"]) == (document, digest)
        assert [here.blob(layer).body for layer in layers] == datas
        assert here.ask("HEAD", f"blobs/{layers[0]}").status == 200
        assert here.ask("GET", "tags/list").json()["tags"] == ["v1"]
        if round_ == 0:
            home.stop()
    missing = here.ask("GET", "manifests/v2")
    assert missing.status == 502
    assert "does not answer" in missing.message


def test_a_tag_that_moves(there: Repository, here: Repository) -> None:
    first, _ = there.push_image("latest")
    assert here.ask("HEAD", "manifests/latest").headers["docker-content-digest"] == first
    second, _ = there.push_image("latest")
    assert here.ask("HEAD", "manifests/latest").headers["docker-content-digest"] == second
    assert here.ask("GET", f"manifests/{first}").status == 200, "what was seen stays"


def test_what_its_home_does_not_have(there: Repository, here: Repository) -> None:
    there.push_image("v1")
    for path, code in (
        ("manifests/v2", "MANIFEST_UNKNOWN"),
        (f"manifests/{digest_of(b'?')}", "MANIFEST_UNKNOWN"),
        (f"blobs/{digest_of(b'?')}", "BLOB_UNKNOWN"),
    ):
        answer = here.ask("GET", path)
        assert (answer.status, answer.code) == (404, code)


def test_one_fetch_for_many_clients(
    home: OwnRegistry, cache: OwnRegistry, there: Repository
) -> None:
    data = os.urandom(8 * MIB)
    digest = there.push_blob(data)
    ready = threading.Barrier(6)
    bodies: list[bytes] = []

    def pull() -> None:
        repository = Repository(cache, "app")
        ready.wait(30)
        bodies.append(repository.blob(digest).body)
        repository.connection.close()

    threads = [threading.Thread(target=pull) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == [data] * 6
    again = Repository(cache, "app")
    assert again.blob(digest, Range="bytes=5-9").body == data[5:10]
    again.connection.close()
    assert requests(home, f"GET /v2/app/blobs/{digest}") == 1


def test_ranges_of_what_is_not_here_yet(there: Repository, here: Repository) -> None:
    data = os.urandom(3 * MIB)
    answer = here.blob(there.push_blob(data), Range=f"bytes={MIB}-")
    assert (answer.status, answer.body) == (206, data[MIB:])


def test_a_blob_of_another_repository_is_not_fetched_again(
    home: OwnRegistry, cache: OwnRegistry, there: Repository, here: Repository
) -> None:
    data = os.urandom(1000)
    digest = there.push_blob(data)
    assert here.blob(digest).body == data
    other = Repository(cache, "other")
    assert other.blob(digest).status == 404, "its home does not have it there"
    at_home = Repository(home, "other")
    at_home.push_blob(data)
    assert other.blob(digest).body == data
    assert requests(home, f"GET /v2/other/blobs/{digest}") == 0
    for repository in (other, at_home):
        repository.connection.close()


def test_referrers_of_the_home(there: Repository, here: Repository) -> None:
    _, subject = there.push_image("v1")
    kind = "application/vnd.example.sbom"
    about = descriptor(subject, media_types.OCI_MANIFEST)
    for _ in range(2):
        document = there.artifact(kind, subject=about)
        there.put(digest_of(document), document, media_types.OCI_MANIFEST)
    path = f"referrers/{digest_of(subject)}"
    wanted = there.ask("GET", path).json()
    assert len(wanted["manifests"]) == 2
    assert here.ask("GET", path).json() == wanted
    assert here.ask("GET", path, artifactType="application/none").json()["manifests"] == []


def test_pushes_are_refused(home: OwnRegistry, here: Repository) -> None:
    answer = here.ask("POST", "blobs/uploads/", b"")
    assert (answer.status, answer.code) == (405, "DENIED")
    assert answer.message == f"this registry is a cache of {home.host}: push there"


class Liar:
    """A home that answers for blobs as a test wants."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()


def test_a_home_that_sends_something_else(start_registry: StartRegistry) -> None:
    """The client never gets all of it, and nothing is kept."""

    def lie(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"x" * 1000)

    liar = Liar(lie)
    cache = start_registry(f"--proxy-to={liar.url}", directory="cache")
    digest = digest_of(b"truth")
    client = socket.create_connection(("127.0.0.1", cache.port), timeout=30)
    client.sendall(f"GET /v2/app/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    received = b""
    try:
        while data := client.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    client.close()
    assert received.count(b"x" * 10) * 10 < 1000
    assert not cache.blob_path(digest).exists()
    assert os.listdir(cache.root / "uploads") == []
    liar.close()


def test_a_home_that_breaks_off(start_registry: StartRegistry) -> None:
    """The rest is asked for by range; the client notices nothing."""
    data = os.urandom(4 * MIB)

    def break_off(request: BaseHTTPRequestHandler) -> None:
        start = int(request.headers.get("Range", "bytes=0-")[6:].rstrip("-"))
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(data) - start))
        request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        request.wfile.write(data[start : start + 3 * MIB])
        request.close_connection = True

    liar = Liar(break_off)
    cache = start_registry(f"--proxy-to={liar.url}", directory="cache")
    repository = Repository(cache, "app")
    assert repository.blob(digest_of(data)).body == data
    repository.connection.close()
    liar.close()
