"""Bytes that are no HTTP, archives that are none, and very many of them."""

import io
import random
import resource
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

import pytest

from boxship.api.operations import OPERATIONS
from tests.support.badcalls import BODIES, BY_NAME, PARAMETER, path_of, refused, told, wrong_with
from tests.support.daemon import Daemon
from tests.support.exchange import connect, exchange, receive, request
from tests.support.shapes import NAMES, wrong_documents
from tests.support.soak import seconds, seeded
from tests.support.usage import resident_bytes, returns_to, usage

pytestmark = pytest.mark.usefixtures("sound")

ARCHIVES = ("/images/load", "/images/create?fromSrc=-", "/containers/anchor/archive?path=/tmp")
IDLE_CONNECTIONS = 1000
GROWTH_BYTES = 24 * 1024 * 1024
"""What a daemon's memory may grow by once everything has been used: caches, free lists."""


# Bytes that are no HTTP

CHUNKED = "Transfer-Encoding: chunked\r\n"
JSON = "Content-Type: application/json\r\n"
BROKEN_REQUESTS: dict[str, bytes] = {
    "no version": b"GET /_ping\r\n\r\n",
    "an unknown version": b"GET /_ping HTTP/x\r\nHost: x\r\n\r\n",
    "a blank in the target": b"GET /_p ing HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET /_ping HTTP/1.1\r\n\r\n",
    "nonsense": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a NUL in a header": b"GET /_ping HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
    "a header without a name": b"GET /_ping HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
    "a folded header": b"GET /_ping HTTP/1.1\r\n Host: x\r\n\r\n",
    "a head that is too long": b"GET /_ping HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 1_100_000,
    "a path that is too long": b"GET /" + b"x" * 1_100_000,
}


@pytest.mark.parametrize("what", BROKEN_REQUESTS)
def test_broken_heads(daemon: Daemon, what: str) -> None:
    refused(daemon, BROKEN_REQUESTS[what], ends=True)


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        "Content-Length: -1\r\n\r\n{}",
        "Content-Length: 0x2\r\n\r\n{}",
        f"Content-Length: {'9' * 5000}\r\n\r\n{{}}",
        "Content-Length: 2 2\r\n\r\n{}",
        "Transfer-Encoding: gzip\r\n\r\n{}",
        f"{CHUNKED}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"{CHUNKED}\r\nzz\r\n{{}}\r\n0\r\n\r\n",
        f"{CHUNKED}\r\n-2\r\n{{}}\r\n0\r\n\r\n",
        f"{CHUNKED}\r\n{'f' * 40}\r\n{{}}",
        f"{CHUNKED}\r\n5\r\n{{}}\r\n0\r\n\r\n",
        f"{CHUNKED}\r\n2\r\n{{}}",
        f"{CHUNKED}\r\n2\r\n{{",
        f"{CHUNKED}\r\n",
        f"{CHUNKED}\r\n2;{'x' * 200_000}",
        "Content-Length: 10\r\n\r\n{}",
        "Content-Length: 10\r\n\r\n",
    ],
)
def test_broken_bodies(daemon: Daemon, framing: str) -> None:
    for name in set(BODIES) - {"ExecStart"}:
        operation = BY_NAME[name]
        sent = f"{operation.method} {path_of(operation)} HTTP/1.1\r\nHost: x\r\n{JSON}{framing}"
        refused(daemon, sent.encode(), ends=True)


def test_bodies_that_nobody_reads(daemon: Daemon) -> None:
    for operation in OPERATIONS:
        if operation.name not in BODIES and PARAMETER.search(operation.path):
            sent = request(operation.method, path_of(operation), b"\xff" * 300_000, "a/b")
            answer = exchange(daemon.socket, sent)
            assert answer is not None, operation


# Archives


@pytest.mark.parametrize("target", ARCHIVES)
def test_archives_that_are_junk(daemon: Daemon, target: str) -> None:
    chance = seeded("archives")
    method = "PUT" if "archive" in target else "POST"
    good = junk_source()
    end = time.monotonic() + seconds(1.5)
    wrong = []
    while time.monotonic() < end:
        wrong.append(
            wrong_with(daemon, request(method, target, junk(good, chance), "application/x-tar"))
        )
    for row in daemon.get("/images/json"):
        if "busybox:latest" not in row["RepoTags"]:
            daemon.request("DELETE", f"/images/{row['Id']}?force=1")
    told(wrong)


def junk_source() -> bytes:
    """Return a sound archive: files, directories, links, long names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("manifest.json", "index.json", "oci-layout", "a/b", "long/" * 40 + "x"):
            member = tarfile.TarInfo(name)
            member.size = 3
            archive.addfile(member, io.BytesIO(b"[1]"))
        for name, kind in (("d", tarfile.DIRTYPE), ("l", tarfile.SYMTYPE), ("h", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "../../../etc/passwd"
            archive.addfile(member)
    return buffer.getvalue()


def junk(good: bytes, chance: random.Random) -> bytes:
    """Return an archive with faults: cut off, bits changed, or no archive at all."""
    kind = chance.randrange(4)
    if kind == 0:
        return chance.randbytes(chance.choice((0, 1, 511, 512, 513, 70_000)))
    if kind == 1:
        return good[: chance.randrange(len(good))]
    if kind == 2:
        magic = chance.choice((b"\x1f\x8b\x08\0", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"))
        return magic + chance.randbytes(2000)
    changed = bytearray(good)
    for _ in range(chance.choice((1, 1, 5, 200))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


# Many


def test_requests_behind_one_another(daemon: Daemon) -> None:
    bad = request("POST", "/containers/create", b'{"Image": 1}')
    good = request("GET", "/_ping")
    with connect(daemon.socket) as client:
        client.sendall((bad + good) * 200)
        stream = client.makefile("rb")
        for _ in range(200):
            assert read_status(stream) == (400, b"invalid JSON")
            assert read_status(stream) == (200, b"OK")


def read_status(stream: io.BufferedIOBase) -> tuple[int, bytes]:
    """Read one answer of a known length: its status, and what it is about."""
    status = int(stream.readline().split()[1])
    length = 0
    while (line := stream.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    body = stream.read(length)
    return status, b"invalid JSON" if b"invalid JSON" in body else body


@pytest.fixture
def many_descriptors(daemon: Daemon) -> Iterator[None]:
    """Room for the connections on both sides, as the daemon's service unit gives it."""
    kept = [(pid, resource.prlimit(pid, resource.RLIMIT_NOFILE)) for pid in (0, daemon.pid)]
    for pid, (_soft, hard) in kept:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    yield
    for pid, limits in kept:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


@pytest.mark.usefixtures("many_descriptors")
@pytest.mark.parametrize(
    "sent", [b"", b"GET /con", b"POST /x HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"]
)
def test_a_thousand_connections_that_say_no_more(daemon: Daemon, sent: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(IDLE_CONNECTIONS):
            stack.enter_context(connect(daemon.socket)).sendall(sent)
        assert daemon.get("/containers/anchor/json")["State"]["Running"]
        assert daemon.request("GET", "/containers/anchor/top")[0] == 200


def test_memory_stays(daemon: Daemon) -> None:
    chance = seeded("memory")
    barrage(daemon, chance, 1500)
    before, held = resident_bytes(daemon), usage(daemon)
    barrage(daemon, chance, int(seconds(4000)))
    returns_to(daemon, held)
    assert resident_bytes(daemon) < before + GROWTH_BYTES


def barrage(daemon: Daemon, chance: random.Random, count: int) -> None:
    """Send bad requests, over connections of 100 requests each."""
    samples = [
        request(BY_NAME[name].method, path_of(BY_NAME[name]), sample.encode())
        for name in BODIES
        for sample in chance.sample(list(wrong_documents(BODIES[name])), 20)
    ]
    samples += [
        request(one.method, path_of(one, quote(chance.choice(NAMES)[:4000], safe="")))
        for one in OPERATIONS
        if PARAMETER.search(one.path) and one.method != "GET" and one.name != "ImagePush"
    ]
    for _ in range(count // 100):
        with connect(daemon.socket) as client:
            for sent in chance.choices(samples, k=100):
                client.sendall(sent)
                answer = receive(client, sent.partition(b" ")[0].decode())
                assert answer is not None, sent
                # 503: what needs a swarm, on a node that is in none
                assert 400 <= answer.status < 500 or answer.status == 503, (answer, sent)
