"""Calls without IO."""

import pytest

from boxship.client import core
from boxship.client.calls.containers import container_list, container_logs
from boxship.client.calls.images import image_inspect, image_pull
from boxship.client.errors import DaemonError, daemon_error
from boxship.errors import ConflictError, InternalError, NotFoundError
from boxship.wire.http1 import ResponseHead


def head(status: int, **headers: str) -> ResponseHead:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return ResponseHead(1, status, "Reason", fields)


def test_a_json_body_is_sent_with_its_length() -> None:
    call = core.Call("POST", "/x", {"a": True, "b": None, "c": ["1", "2"]}, json={"k": "ä"})
    text = call.encode("/v1.51", "host", {"X-Extra": "1"}).decode()
    assert text.startswith("POST /v1.51/x?a=1&c=1&c=2 HTTP/1.1\r\nHost: host\r\n")
    assert "X-Extra: 1\r\n" in text
    assert "Content-Type: application/json\r\n" in text
    assert "Content-Length: 10\r\n" in text
    assert text.endswith('\r\n\r\n{"k":"ä"}')


def test_a_stream_is_sent_in_chunks() -> None:
    call = core.Call("POST", "/x", body=iter([b"a"]))
    assert call.is_streamed
    assert b"Transfer-Encoding: chunked" in call.encode("/v1.51", "host", {})


def test_a_hijack_asks_for_an_upgrade() -> None:
    encoded = core.Call("POST", "/x", upgrade=True).encode("/v1.51", "host", {})
    assert b"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0" in encoded


@pytest.mark.parametrize(
    ("text", "quoted"), [("a b/c", "a%20b%2Fc"), ("ä", "%C3%A4"), ("a-_.~Z9", "a-_.~Z9")]
)
def test_quote(text: str, quoted: str) -> None:
    assert core.quote(text) == quoted


def test_names_of_images_keep_their_slashes() -> None:
    assert image_inspect("host:5000/a/b:1@sha256:00").path == (
        "/images/host:5000/a/b:1@sha256:00/json"
    )
    assert image_pull("nginx", "latest", registry_auth="x").headers == {"X-Registry-Auth": "x"}


def test_filters_are_sent_as_docker_sends_them() -> None:
    call = container_list(all=True, filters={"status": ["running", "paused"]})
    assert call.query["filters"] == '{"status":{"running":true,"paused":true}}'
    assert container_logs("web").query["follow"] is None


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (404, b'{"message":"No such container: x"}', NotFoundError, "No such container: x"),
        (409, b'{"message":"in use"}', ConflictError, "in use"),
        (500, b"plain text\n", InternalError, "plain text"),
        (418, b"", InternalError, "the engine answered 418 Reason and gave no reason"),
        (500, b"[1]", InternalError, "the engine answered 500 Reason and gave no reason"),
    ],
)
def test_errors(status: int, body: bytes, kind: type[Exception], message: str) -> None:
    error = core.error_of(head(status), body)
    assert isinstance(error, kind)
    assert isinstance(error, DaemonError)
    assert (str(error), error.status) == (message, status)


TOO_NEW = "client version 1.51 is too new. Maximum supported API version is 1.43"


@pytest.mark.parametrize(
    ("message", "offered", "older"),
    [
        (TOO_NEW, "", "1.43"),
        (TOO_NEW, "1.44", "1.44"),
        ("bad parameter", "1.43", None),
        (TOO_NEW, "1.60", None),
        ("client version 1.51 is too new. Who knows", "", None),
    ],
)
def test_an_older_version_is_taken_from_the_refusal(
    message: str, offered: str, older: str | None
) -> None:
    headers = {"api_version": offered} if offered else {}
    found = core.older_version(daemon_error(400, message), head(400, **headers), "1.51")
    assert found == older


def test_json_lines_arrive_in_pieces() -> None:
    decoder = core.LineDecoder()
    assert decoder.feed(b'{"a":1}\n{"b"') == [{"a": 1}]
    assert decoder.feed(b":2}\r\n\n\x1e{}\n[") == [{"b": 2}, {}]
    assert decoder.feed(b"]") == []
    assert decoder.finish() == [[]]
