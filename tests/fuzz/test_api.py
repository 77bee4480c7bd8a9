"""Nonsense for every operation of the API: always a status and a message, and nothing changes.

Against a real daemon. The seed is printed; BOXSHIP_SEED repeats it. ``make soak`` takes longer.
"""

import inspect
import random
import re
import time
from functools import cache
from importlib import import_module
from urllib.parse import quote, quote_from_bytes

import pytest

from boxship.api.operations import OPERATIONS, Operation
from boxship.api.schema.container_config import Config
from boxship.api.schema.containers import CreateBody
from tests.support.badcalls import BODIES, BY_NAME, PARAMETER, path_of, refused, told, wrong_with
from tests.support.daemon import Daemon
from tests.support.exchange import connect, receive, request
from tests.support.shapes import NAMES, WORDS, odd_document, wrong_documents
from tests.support.soak import seconds, seeded

pytestmark = pytest.mark.usefixtures("sound")

# Documents


def test_the_bodies_are_found() -> None:
    assert BODIES["ContainerCreate"] is CreateBody
    assert BODIES["ImageCommit"] is Config
    assert {"SystemAuth", "ExecStart", "NetworkConnect", "VolumeCreate"} <= set(BODIES)


@pytest.mark.parametrize("name", BODIES)
def test_values_of_wrong_types(daemon: Daemon, name: str) -> None:
    operation = BY_NAME[name]
    target = path_of(operation)
    with connect(daemon.socket) as client:
        for text in wrong_documents(BODIES[name]):
            client.sendall(request(operation.method, target, text.encode()))
            answer = receive(client, operation.method)
            assert answer is not None, text
            assert answer.status == 400, (text, answer)
            assert answer.message.startswith("invalid JSON: "), (text, answer)


DEEP = 100_000
BROKEN_DOCUMENTS: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \r\n\t",
    "half an object": b'{"Image": "busybox"',
    "a word": b"nonsense",
    "a comma too many": b'{"Image": "busybox",}',
    "a second document": b'{"Image": "busybox"} {}',
    "a NUL": b'{"Image": "busy\0box"}',
    "text that is no UTF-8": b'{"Image": "\xff\xfe\xc0\xaf"}',
    "a key that is no UTF-8": b'{"\xff": 1}',
    "UTF-16": '{"Image": "busybox"}'.encode("utf-16"),
    "half a pair of surrogates": b'{"Image": "\\ud800"}',
    "a byte order mark": b'\xef\xbb\xbf{"Image": "busybox"}',
    "lists in lists": b"[" * DEEP + b"]" * DEEP,
    "objects in objects": b'{"HostConfig":' * DEEP + b"1" + b"}" * DEEP,
    "deep, in a field that is read": b'{"Labels":' + b'{"a":' * DEEP + b"1" + b"}" * (DEEP + 1),
    "deep, and never closed": b"[" * DEEP,
    "a number without end": b'{"StopTimeout":' + b"9" * DEEP + b"}",
    "not a number": b'{"StopTimeout": NaN}',
}


@pytest.mark.parametrize("what", BROKEN_DOCUMENTS)
def test_broken_documents(daemon: Daemon, what: str) -> None:
    for name in BODIES:
        operation = BY_NAME[name]
        sent = request(operation.method, path_of(operation), BROKEN_DOCUMENTS[what])
        if name in ("ExecStart", "ImageCommit", "SystemAuth"):
            refused(daemon, sent)  # where there need be no body
        else:
            refused(daemon, sent, 400)


CONTENT_TYPES = (
    "", ";", "text/plain", "application/xml", "application/jsonp", "a/b; charset=utf-8",
    "multipart/form-data; boundary=x", "application/x-tar", "x" * 60_000, "application/json, a/b",
)  # fmt: skip


@pytest.mark.parametrize("kind", CONTENT_TYPES, ids=range(len(CONTENT_TYPES)))
def test_bodies_of_other_types(daemon: Daemon, kind: str) -> None:
    for name in set(BODIES) - {"SystemAuth"}:
        operation = BY_NAME[name]
        answer = refused(
            daemon, request(operation.method, path_of(operation), b'{"Image": "x"}', kind), 400
        )
        assert "Content-Type" in answer.message


def test_a_body_that_is_too_large(daemon: Daemon) -> None:
    for name in BODIES:
        operation = BY_NAME[name]
        body = b'{"Image": "' + b"x" * (33 * 1024 * 1024) + b'"}'
        assert (
            "too large"
            in refused(daemon, request(operation.method, path_of(operation), body), 400).message
        )


LIKELY = {
    "ContainerCreate": '"Image":"busybox","Cmd":["true"]',
    "ContainerUpdate": '"Labels":{}',
    "ExecCreate": '"Cmd":["true"]',
    "NetworkCreate": '"Name":"odd"',
    "NetworkConnect": '"Container":"no-such-thing"',
    "NetworkDisconnect": '"Container":"no-such-thing"',
    "RegistryCopy": '"Source":"UPPER/x"',
    "SystemAuth": '"serveraddress":"127.0.0.1:1"',
    "ImageBootstrap": '"source":"none"',
}
ODD_TARGETS = {
    "ContainerUpdate": "/containers/anchor/update",
    "ExecCreate": "/containers/anchor/exec",
    "NetworkConnect": "/networks/bridge/connect",
    "NetworkDisconnect": "/networks/bridge/disconnect",
    "ImageCommit": "/commit?container=no-such-thing",
}


def test_documents_that_hardly_anybody_means(daemon: Daemon) -> None:
    chance = seeded("documents")
    end = time.monotonic() + seconds(6)
    wrong: list[str] = []
    while time.monotonic() < end:
        name = chance.choice(list(BODIES))
        operation = BY_NAME[name]
        text = odd_document(BODIES[name], LIKELY.get(name, ""), chance)
        target = ODD_TARGETS.get(name, path_of(operation))
        wrong.append(wrong_with(daemon, request(operation.method, target, text.encode())))
    remove_made(daemon)
    told(wrong)


def remove_made(daemon: Daemon) -> None:
    """Remove what came of documents that were taken after all."""
    for row in daemon.get("/containers/json?all=1"):
        if "anchor" not in row["Labels"]:
            status, answer = daemon.request("DELETE", f"/containers/{row['Id']}?force=1&v=1")
            assert status == 204, answer
    for row in daemon.get("/networks"):
        if row["Name"] not in ("bridge", "host", "none"):
            status, answer = daemon.request("DELETE", f"/networks/{row['Id']}")
            assert status == 204, answer
    for row in daemon.get("/volumes")["Volumes"] or ():
        status, answer = daemon.request("DELETE", f"/volumes/{quote(row['Name'], safe='')}")
        assert status == 204, answer


# Paths and queries


@cache
def keys(module: str) -> tuple[str, ...]:
    """Return the keys that a module's handlers read from queries."""
    source = inspect.getsource(import_module(f"boxship.api.routes.{module}"))
    found = re.findall(r"query\.(?:text|texts|flag|integer)\(\s*\"([^\"]+)\"", source)
    return (*sorted({*found, "filters", "since", "until"} - UNSAFE_KEYS), "odd")


UNSAFE_KEYS = {"fromImage", "fromSrc", "force"}
FILTERS = (
    "{", "[]", "[{}]", '{"label":1}', '{"label":{"x":1}}', '{"label":["\\u0000"]}', '{"":[""]}',
    '{"until":["x"]}', '{"name":["(?P<"]}', '{"dangling":["maybe"]}', '{"label":null}', '"x"',
    '{"id":["' + "x" * 9000 + '"]}', '{"status":["odd"]}', '{"since":["none"],"before":["none"]}',
    '{"until":["99999999999999999999999h"]}', '{"exited":["1e9"]}', '{"reference":["["]}',
)  # fmt: skip
BAD_BYTES = (
    b"\xff",
    b"\xc0\xaf",
    b"\0",
    b"a\0b",
    b"\xed\xa0\x80",
    b"%",
    b"..",
    b"/",
    b"%2f",
    b"\n",
)


def odd_target(operation: Operation, chance: random.Random) -> str:
    """Return a path and a query that lead to an operation, but hardly to anything that exists."""

    def word() -> str:
        if chance.random() < 0.3:
            return quote_from_bytes(chance.choice(BAD_BYTES), safe="")
        return quote(chance.choice(WORDS)[:8000], safe="")

    names = [quote(chance.choice(NAMES)[:8000], safe=""), quote(chance.choice(BAD_BYTES), safe="")]
    if operation.method == "GET" and "containers" in operation.path:
        names.append("anchor")
    if operation.method == "GET" and "images" in operation.path:
        names.append("busybox")
    path = path_of(operation, chance.choice(names))
    version = chance.choice(
        ["", "", "/v1.24", "/v1.43", "/v1.51", "/v0.1", "/v99.99", "/v1.", "/v"]
    )
    pairs = [
        f"{chance.choice(keys(operation.module))}={word()}" for _ in range(chance.randrange(4))
    ]
    if chance.random() < 0.3:
        pairs.append(f"filters={quote(chance.choice(FILTERS))}")
    return f"{version}{path}?{'&'.join(pairs)}"


def test_odd_paths_and_queries(daemon: Daemon) -> None:
    chance = seeded("queries")
    end = time.monotonic() + seconds(6)
    wrong: list[str] = []
    while time.monotonic() < end:
        operation = chance.choice(OPERATIONS)
        body = b"{}" if operation.method in ("POST", "PUT") and chance.random() < 0.5 else None
        wrong.append(
            wrong_with(daemon, request(operation.method, odd_target(operation, chance), body))
        )
    remove_made(daemon)
    told(wrong)


METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "X" * 300)


def test_methods_that_an_operation_does_not_have(daemon: Daemon) -> None:
    known = {(one.method, PARAMETER.sub("{}", one.path)) for one in OPERATIONS}
    for operation in OPERATIONS:
        for method in METHODS:
            if (method, PARAMETER.sub("{}", operation.path)) not in known:
                refused(daemon, request(method, path_of(operation)))
