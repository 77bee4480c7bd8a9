"""What may go wrong with a registry: kills, full disks, clients that leave or come twice."""

import http.client
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxship.oci import media_types
from tests.engine.registry.conftest import StartRegistry
from tests.support.distribution import Repository, descriptor, digest_of, manifest_of
from tests.support.own_registry import OwnRegistry
from tests.support.waiting import wait_until

MIB = 1024 * 1024


def raw(registry: OwnRegistry, request: str) -> socket.socket:
    """A connection on which a request's head was sent."""
    connection = socket.create_connection(("127.0.0.1", registry.port), timeout=30)
    lines = [f"{request} HTTP/1.1", "Host: x"]
    connection.sendall("\r\n".join(lines).encode() + b"\r\n")
    return connection


def upload_size(registry: OwnRegistry, location: str) -> int:
    """Bytes of an upload that are in its file."""
    return (registry.root / "uploads" / location.rpartition("/")[2]).stat().st_size


def test_an_upload_survives_a_kill_and_goes_on(start_registry: StartRegistry) -> None:
    registry = start_registry()
    data = os.urandom(5 * MIB)
    location = Repository(registry, "app").begin()
    client = raw(registry, f"PATCH {location}")
    client.sendall(f"Content-Length: {len(data)}\r\n\r\n".encode() + data[: 3 * MIB])
    wait_until(lambda: upload_size(registry, location) >= 2 * MIB)
    registry.kill()
    client.close()
    registry.start()
    repository = Repository(registry, "app")
    status = repository.ask("GET", location)
    there = int(status.headers["range"].removeprefix("0-")) + 1
    assert 2 * MIB <= there <= 3 * MIB
    assert repository.patch(location, data[there:], there).status == 202
    digest = digest_of(data)
    assert repository.ask("PUT", location, b"", digest=digest).status == 201
    assert repository.blob(digest).body == data
    repository.connection.close()


def test_what_was_acknowledged_survives_a_kill(start_registry: StartRegistry) -> None:
    registry = start_registry()
    digest, document = Repository(registry, "app").push_image("v1")
    registry.kill()
    registry.start()
    repository = Repository(registry, "app")
    answer = repository.ask("GET", "manifests/v1")
    assert (answer.body, answer.headers["docker-content-digest"]) == (document, digest)
    repository.connection.close()


def test_a_kill_between_file_and_row_leaves_nothing_for_good(
    start_registry: StartRegistry,
) -> None:
    """A blob's file that no row tells of is not served, may be pushed again, and is collected."""
    registry = start_registry()
    repository = Repository(registry, "app")
    for data in (b"pushed again", b"collected"):
        path = registry.blob_path(digest_of(data))
        path.parent.mkdir(parents=True)
        path.write_bytes(b"torn")
        assert not repository.has_blob(digest_of(data))
    repository.push_blob(b"pushed again")
    assert repository.blob(digest_of(b"pushed again")).body == b"pushed again"
    assert digest_of(b"collected") in registry.collect()
    assert not registry.blob_path(digest_of(b"collected")).exists()
    assert repository.blob(digest_of(b"pushed again")).body == b"pushed again"
    repository.connection.close()


def test_a_blob_whose_file_is_lost_can_be_pushed_again(start_registry: StartRegistry) -> None:
    registry = start_registry()
    repository = Repository(registry, "app")
    digest, document = repository.push_image("v1")
    layer = repository.push_blob(b"precious")
    registry.blob_path(layer).unlink()
    registry.blob_path(digest).write_bytes(b"cut sh")
    assert not repository.has_blob(layer)
    repository.push_blob(b"precious")
    assert repository.blob(layer).body == b"precious"
    assert repository.put("v1", document, media_types.OCI_MANIFEST).status == 201
    assert repository.ask("GET", "manifests/v1").body == document
    repository.connection.close()


def test_two_uploads_of_one_blob_at_once(start_registry: StartRegistry) -> None:
    registry = start_registry()
    data = os.urandom(2 * MIB)
    digest = digest_of(data)
    ready = threading.Barrier(4)
    statuses: list[int] = []

    def push(name: str) -> None:
        repository = Repository(registry, name)
        location = repository.begin()
        repository.patch(location, data)
        ready.wait(30)
        statuses.append(repository.ask("PUT", location, b"", digest=digest).status)
        repository.connection.close()

    threads = [threading.Thread(target=push, args=(f"app{n % 2}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * 4
    for name in ("app0", "app1"):
        repository = Repository(registry, name)
        assert repository.blob(digest).body == data
        repository.connection.close()
    assert os.listdir(registry.root / "uploads") == []


def test_a_client_that_comes_again_goes_on_at_once(start_registry: StartRegistry) -> None:
    """The first connection is still open and silent: its request loses the upload."""
    registry = start_registry()
    repository = Repository(registry, "app")
    location = repository.begin()
    silent = raw(registry, f"PATCH {location}")
    silent.sendall(f"Content-Length: {4 * MIB}\r\n\r\n".encode() + b"a" * MIB)
    wait_until(lambda: upload_size(registry, location) == MIB)
    assert repository.patch(location, b"b" * MIB, MIB).status == 202
    digest = digest_of(b"a" * MIB + b"b" * MIB)
    assert repository.ask("PUT", location, b"", digest=digest).status == 201
    silent.sendall(b"c" * MIB)
    answer = silent.recv(65536)
    assert b" 400 " in answer.split(b"\r\n")[0]
    silent.close()
    repository.connection.close()


def test_a_client_that_leaves_keeps_its_upload(start_registry: StartRegistry) -> None:
    registry = start_registry()
    repository = Repository(registry, "app")
    location = repository.begin()
    client = raw(registry, f"PATCH {location}")
    client.sendall(f"Content-Length: {MIB}\r\n\r\n".encode() + b"abc")
    client.close()
    wait_until(lambda: upload_size(registry, location) == 3)
    assert repository.patch(location, b"def", 3).status == 202
    assert repository.ask("PUT", location, b"", digest=digest_of(b"abcdef")).status == 201
    repository.connection.close()


def test_a_client_that_falls_silent_is_left(start_registry: StartRegistry) -> None:
    registry = start_registry("--stall-timeout=100ms", "--max-uploads=1")
    repository = Repository(registry, "app")
    location = repository.begin()
    silent = raw(registry, f"PATCH {location}")
    silent.sendall(b"Content-Length: 1000\r\n\r\nabc")
    assert silent.recv(1000) == b"", "the connection is closed"
    silent.close()
    assert repository.patch(location, b"def", 3).status == 202
    repository.connection.close()


def test_kills_at_any_moment(start_registry: StartRegistry) -> None:
    """Whatever was answered with 201 is there, whole; whatever is served is whole."""
    registry = start_registry()
    acknowledged: dict[str, bytes] = {}
    for round_ in range(4):
        pushed = threading.Semaphore(0)
        pusher = threading.Thread(target=_push_until_it_dies, args=(registry, acknowledged, pushed))
        pusher.start()
        for _ in range(round_ * 3 + 1):
            assert pushed.acquire(timeout=30)
        registry.kill()
        pusher.join()
        registry.start()
        repository = Repository(registry, "app")
        for digest, document in acknowledged.items():
            assert repository.ask("GET", f"manifests/{digest}").body == document
            for member in json.loads(document)["layers"]:
                data = repository.blob(member["digest"]).body
                assert digest_of(data) == member["digest"]
        repository.connection.close()


def _push_until_it_dies(
    registry: OwnRegistry, acknowledged: dict[str, bytes], pushed: threading.Semaphore
) -> None:
    repository = Repository(registry, "app")
    try:
        while True:
            digest, document = repository.push_image()
            acknowledged[digest] = document
            pushed.release()
    except (OSError, http.client.HTTPException):
        repository.connection.close()


def test_a_client_that_leaves_a_download(start_registry: StartRegistry) -> None:
    registry = start_registry()
    repository = Repository(registry, "app")
    digest = repository.push_blob(os.urandom(32 * MIB))
    descriptors = Path(f"/proc/{registry.pid}/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(3):
        client = raw(registry, f"GET /v2/app/blobs/{digest}")
        client.sendall(b"\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        client.close()
    wait_until(lambda: len(list(descriptors.iterdir())) <= before)
    assert repository.has_blob(digest)
    repository.connection.close()


def test_a_slow_client_holds_up_nobody(start_registry: StartRegistry) -> None:
    registry = start_registry()
    repository = Repository(registry, "app")
    data = os.urandom(16 * MIB)
    digest = repository.push_blob(data)
    slow = [raw(registry, f"GET /v2/app/blobs/{digest}") for _ in range(40)]
    for client in slow:
        client.sendall(b"\r\n")
        assert client.recv(10)  # and then it takes nothing for a while
    assert repository.blob(digest).body == data
    received = b""
    while not received.endswith(data[-100:]):
        received += slow[0].recv(MIB)
    assert received.endswith(data)
    for client in slow:
        client.close()
    repository.connection.close()


def test_memory_does_not_grow_with_the_blob(start_registry: StartRegistry) -> None:
    registry = start_registry()
    repository = Repository(registry, "app")
    repository.push_blob(os.urandom(MIB))
    before = _peak_kib(registry)
    data = os.urandom(128 * MIB)
    digest = repository.push_blob(data)
    assert repository.blob(digest).body == data
    assert _peak_kib(registry) - before < 32 * 1024
    repository.connection.close()


def _peak_kib(registry: OwnRegistry) -> int:
    status = Path(f"/proc/{registry.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if "VmHWM" in line).split()[1])


@pytest.fixture
def small_disk(scratch: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    place = scratch / "place"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(small_disk: Path, scratch: Path) -> None:
    registry = OwnRegistry(scratch / "full")
    registry.root = small_disk / "root"
    registry.start()
    try:
        repository = Repository(registry, "app")
        kept = repository.push_blob(b"kept")
        data = os.urandom(2 * MIB)
        location = repository.begin()
        filler = small_disk / "filler"
        with pytest.raises(OSError, match="No space"), filler.open("wb", 0) as file:
            while True:
                file.write(bytes(MIB // 16))
        answer = repository.patch(location, data, 0)
        assert answer.status == 507
        assert "the registry's disk is full" in answer.message
        repository.connection.close()
        repository = Repository(registry, "app")
        assert repository.blob(kept).body == b"kept"
        filler.unlink()
        there = upload_size(registry, location)
        assert repository.patch(location, data[there:], there).status == 202
        assert repository.ask("PUT", location, b"", digest=digest_of(data)).status == 201
        assert repository.blob(digest_of(data)).body == data
        repository.connection.close()
    finally:
        registry.stop()


def test_limits(start_registry: StartRegistry) -> None:
    registry = start_registry("--max-blob-size=1m", "--max-uploads=1", "--min-chunk=1k")
    repository = Repository(registry, "app")
    started = repository.ask("POST", "blobs/uploads/", b"")
    assert started.headers["oci-chunk-min-length"] == "1024"
    location = started.headers["location"]
    answer = repository.ask("PUT", location, b"x" * (MIB + 1), digest=digest_of(b""))
    assert (answer.status, answer.code) == (413, "SIZE_INVALID")
    assert "larger than the 1048576 bytes" in answer.message
    repository = Repository(registry, "app")
    busy = raw(registry, f"PATCH {repository.begin()}")
    busy.sendall(b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert busy.recv(1000).startswith(b"HTTP/1.1 100")  # its body is being waited for
    answer = repository.patch(repository.begin(), b"y")
    assert (answer.status, answer.code) == (429, "TOOMANYREQUESTS")
    assert answer.headers["retry-after"] == "5"
    busy.close()
    repository.connection.close()


def test_a_manifest_that_is_too_large(start_registry: StartRegistry) -> None:
    repository = Repository(start_registry(), "app")
    repository.push_blob(b"{}")
    config = descriptor(b"{}", media_types.OCI_CONFIG)
    document = manifest_of(config, [], annotations={"a": "x" * (4 * MIB)})
    answer = repository.put("v1", document, media_types.OCI_MANIFEST)
    assert (answer.status, answer.code) == (413, "SIZE_INVALID")
    repository.connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "message"),
    [
        ("GET", "/v2/UPPER/tags/list", 400, "NAME_INVALID", "invalid repository name 'UPPER'"),
        ("GET", "/v2/../../etc/tags/list", 400, "NAME_INVALID", "invalid repository name"),
        ("GET", "/v2/a/manifests/-x", 400, "TAG_INVALID", "invalid tag '-x'"),
        ("GET", "/v2/a/blobs/sha256:12", 400, "DIGEST_INVALID", "invalid digest 'sha256:12'"),
        ("GET", "/v2/a/blobs/md5:12", 400, "DIGEST_INVALID", "invalid digest 'md5:12'"),
        ("POST", "/v2/A/blobs/uploads/", 400, "NAME_INVALID", "invalid repository name 'A'"),
        ("POST", "/v2/a/blobs/uploads/?digest-algorithm=md5", 400, "DIGEST_INVALID", "'md5'"),
        ("POST", "/v2/a/blobs/uploads/?mount=x", 400, "DIGEST_INVALID", "invalid digest 'x'"),
        ("PATCH", "/v2/a/blobs/uploads/none", 404, "BLOB_UPLOAD_UNKNOWN", "unknown to registry"),
        ("PUT", "/v2/a/manifests/v1", 400, "MANIFEST_INVALID", "not a JSON document"),
        ("GET", "/v1/search", 404, "UNSUPPORTED", "nothing is served at '/v1/search'"),
        ("PUT", "/v2/a/tags/list", 405, "UNSUPPORTED", "PUT is not served here, but GET, HEAD"),
    ],
)
def test_malformed_requests(
    own_registry: OwnRegistry, method: str, path: str, status: int, code: str, message: str
) -> None:
    repository = Repository(own_registry, "a")
    answer = repository.ask(method, path, b"" if method != "GET" else None)
    assert (answer.status, answer.code) == (status, code)
    assert message in answer.message
    repository.connection.close()


def test_sigterm_lets_requests_end(start_registry: StartRegistry) -> None:
    registry = start_registry()
    repository = Repository(registry, "app")
    digest = repository.push_blob(os.urandom(8 * MIB))
    client = raw(registry, f"GET /v2/app/blobs/{digest}")
    client.sendall(b"\r\n")
    received = len(client.recv(1000))
    stopper = threading.Thread(target=registry.stop)
    stopper.start()
    wait_until(lambda: "shutting down" in registry.log())
    while data := client.recv(MIB):
        received += len(data)
    assert received > 8 * MIB
    stopper.join()
    client.close()
