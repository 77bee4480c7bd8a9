"""The server's HTTP, spoken in bytes."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from boxship.api import connection
from boxship.api.request import Request
from boxship.api.response import Response, empty_response, json_response
from boxship.errors import ConflictError, NotModifiedError
from tests.unit.api.serving import RunningServer, serving


class Greeting(msgspec.Struct, rename="pascal"):
    name: str = "nobody"


async def hello(request: Request, _engine: Any) -> Response:
    return json_response({"path": request.path, "version": str(request.version)})


async def greet(request: Request, _engine: Any) -> Response:
    return json_response({"hello": (await request.json(Greeting)).name}, 201)


async def count(request: Request, _engine: Any) -> Response:
    size = pieces = 0
    async for chunk in request.body():
        size += len(chunk)
        pieces += 1
    return json_response({"size": size, "pieces": pieces})


async def ignore_body(_request: Request, _engine: Any) -> Response:
    return empty_response()


async def conflict(_request: Request, _engine: Any) -> Response:
    raise ConflictError("the name is in use")


async def not_modified(_request: Request, _engine: Any) -> Response:
    raise NotModifiedError("already started")


async def crash(_request: Request, _engine: Any) -> Response:
    raise KeyError("lost")


async def lines(request: Request, _engine: Any) -> None:
    stream = request.stream("application/json")
    await stream.write_json({"n": 1})
    await stream.write_json({"n": 2})


async def early_failure(request: Request, _engine: Any) -> None:
    request.stream("application/json", progress=True)
    raise ConflictError("before the head")


async def progress_failure(request: Request, _engine: Any) -> None:
    stream = request.stream("application/json", progress=True)
    await stream.write_json({"status": "Pulling"})
    raise ConflictError("after the head")


async def tar_failure(request: Request, _engine: Any) -> None:
    stream = request.stream("application/x-tar")
    await stream.write(b"half")
    raise ConflictError("after the head")


async def silent(_request: Request, _engine: Any) -> None:
    return


ROWS = {
    "GET /hello": hello,
    "POST /greet": greet,
    "POST /count": count,
    "POST /ignore": ignore_body,
    "GET /conflict": conflict,
    "GET /same": not_modified,
    "GET /crash": crash,
    "GET /lines": lines,
    "GET /early": early_failure,
    "GET /progress": progress_failure,
    "GET /tar": tar_failure,
    "GET /silent": silent,
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with serving(tmp_path, ROWS) as running:
        yield running


async def test_a_plain_request_gets_docker_s_headers(server: RunningServer) -> None:
    answer = await server.exchange(b"GET /v1.41/hello?a=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    for line in (b"Api-Version: 1.55", b"Ostype: linux", b"Content-Type: application/json"):
        assert line in head.split(b"\r\n")
    assert b"Docker-Experimental: false" in head
    assert b"(linux)" in head
    assert json.loads(body) == {"path": "/hello", "version": "1.41"}


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/conflict", 409, "the name is in use"),
        ("/nope", 404, "page not found"),
        ("/v1.44/nope", 404, "page not found"),
        ("/crash", 500, "KeyError: 'lost'"),
        ("/early", 409, "before the head"),
        (
            "/v1.99/hello",
            400,
            "client version 1.99 is too new. Maximum supported API version is 1.55",
        ),
    ],
)
async def test_errors_are_json_messages(
    server: RunningServer, path: str, status: int, message: str
) -> None:
    got, body = await server.get(path)
    assert (got, json.loads(body)) == (status, {"message": message})


async def test_clients_older_than_the_range_get_plain_text(server: RunningServer) -> None:
    status, body = await server.get("/v1.12/hello")
    assert status == 400
    assert body.startswith(b"client version 1.12 is too old. Minimum supported API version is 1.24")


async def test_an_unexpected_exception_is_logged_with_its_traceback(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        await server.get("/crash")
    assert "Handler for GET /crash failed" in caplog.text
    assert "Traceback" in caplog.text


async def test_a_handler_without_an_answer_is_an_error(server: RunningServer) -> None:
    status, body = await server.get("/silent")
    assert status == 500
    assert b"gave no answer" in body


async def test_not_modified_has_no_body(server: RunningServer) -> None:
    assert await server.get("/same") == (304, b"")


async def test_an_error_to_head_has_no_body(server: RunningServer) -> None:
    request = b"HEAD /nope HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await server.exchange(request * 2)
    assert answer.count(b"HTTP/1.1 404 Not Found") == 2
    assert answer.endswith(b"\r\n\r\n")


async def test_options_are_answered_anywhere(server: RunningServer) -> None:
    assert (await server.get("/anything", "OPTIONS"))[0] == 200


async def test_pipelined_requests_are_answered_in_order(server: RunningServer) -> None:
    request = b"GET /v1.%d/hello HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await server.exchange(b"".join(request % minor for minor in range(30, 50)))
    versions = [json.loads(line)["version"] for line in answer.split(b"\n") if line[:1] == b"{"]
    assert versions == [f"1.{minor}" for minor in range(30, 50)]


async def test_http_1_0_closes_and_does_not_chunk(server: RunningServer) -> None:
    reader, writer = await server.connect()
    writer.write(b"GET /lines HTTP/1.0\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b'{"n":1}\n{"n":2}\n'
    writer.close()


async def test_streams_are_chunked_and_keep_the_connection(server: RunningServer) -> None:
    two = b"GET /lines HTTP/1.1\r\nHost: x\r\n\r\n" * 2
    answer = await server.exchange(two)
    assert answer.count(b"Transfer-Encoding: chunked") == 2
    assert answer.count(b'8\r\n{"n":1}\n\r\n8\r\n{"n":2}\n\r\n0\r\n\r\n') == 2


async def test_a_late_error_is_one_more_progress_line(server: RunningServer) -> None:
    status, body = await server.get("/progress")
    assert status == 200
    assert body.endswith(b"0\r\n\r\n")
    line = b'{"errorDetail":{"message":"after the head"},"error":"after the head"}\r\n'
    assert line in body
    assert b'{"status":"Pulling"}\r\n' in body


async def test_a_late_error_truncates_a_body_that_is_data(server: RunningServer) -> None:
    status, body = await server.get("/tar")
    assert status == 200
    assert not body.endswith(b"0\r\n\r\n")


async def test_json_bodies(server: RunningServer) -> None:
    post = b"POST /greet HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    kind = b"Content-Type: application/json; charset=utf-8\r\n"
    sized = await server.exchange(post + kind + b'Content-Length: 14\r\n\r\n{"NAME":"Eve"}')
    assert b"201 Created" in sized
    assert b'{"hello":"Eve"}' in sized
    chunks = b'Transfer-Encoding: chunked\r\n\r\n7\r\n{"name"\r\n7\r\n:"Bob"}\r\n0\r\n\r\n'
    assert b'{"hello":"Bob"}' in await server.exchange(post + kind + chunks)
    assert b'{"hello":"nobody"}' in await server.exchange(post + b"Content-Length: 0\r\n\r\n")
    assert b'{"hello":"nobody"}' in await server.exchange(post + b"\r\n")


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        ("Content-Type: application/json\r\n", "{", "invalid JSON: "),
        ("", "{}", "malformed Content-Type header (): mime: no media type"),
        (
            "Content-Type: text/plain\r\n",
            "{}",
            "unsupported Content-Type header (text/plain): must be 'application/json'",
        ),
    ],
)
async def test_bad_json_bodies(
    server: RunningServer, headers: str, body: str, message: str
) -> None:
    length = f"Content-Length: {len(body)}\r\n"
    head = f"POST /greet HTTP/1.1\r\nHost: x\r\n{headers}{length}\r\n"
    answer = await server.exchange(head.encode() + body.encode())
    assert answer.startswith(b"HTTP/1.1 400 Bad Request")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["message"].startswith(message)


async def test_bodies_stream_through_a_bounded_buffer(server: RunningServer) -> None:
    size = 40 * 1024 * 1024
    reader, writer = await server.connect()
    writer.write(b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
    piece = bytes(1024 * 1024)
    for _ in range(size // len(piece)):
        writer.write(piece)
        await writer.drain()
    await reader.readuntil(b"\r\n\r\n")
    document = json.loads(await reader.readline())
    assert document["size"] == size
    assert document["pieces"] > 40
    writer.close()


async def test_100_continue_is_sent_when_the_body_is_wanted(server: RunningServer) -> None:
    reader, writer = await server.connect()
    writer.write(
        b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 100")
    writer.write(b"12345")
    assert b'{"size":5' in await reader.readuntil(b"}")
    writer.close()


async def test_an_unread_body_is_drained_or_ends_the_connection(server: RunningServer) -> None:
    small = b"POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    follow_up = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await server.exchange(small + follow_up)
    assert answer.count(b"HTTP/1.1 ") == 2
    expecting = (
        b"POST /ignore HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = await server.exchange(expecting + follow_up)
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET /hello HTTP/1.1\r\n\r\n",
        b"POST /greet HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
)
async def test_bytes_that_are_not_http_get_400(server: RunningServer, sent: bytes) -> None:
    answer = await server.exchange(sent)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close" in answer


async def test_heads_are_bounded(server: RunningServer) -> None:
    reader, writer = await server.connect()
    writer.write(b"GET /hello HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (connection.MAX_HEAD_BYTES + 10))
    assert b" 431 " in await reader.readline()
    writer.close()


async def test_a_head_that_does_not_come_is_given_up(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_S", 0.05)
    reader, writer = await server.connect()
    writer.write(b"GET /hello HTT")
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab",
        b"POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n"
        b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_a_body_that_breaks_off(server: RunningServer, sent: bytes) -> None:
    answer = await server.exchange(sent)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["message"].startswith("the request's body broke off: ")


async def test_a_body_that_breaks_off_after_its_answer(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await server.exchange(
        b"POST /ignore HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 204 ")
    await server.idle()
    assert caplog.records == []


async def test_escaped_paths_and_absolute_targets(server: RunningServer) -> None:
    assert (await server.get("/he%6Clo"))[0] == 200
    assert (await server.get("http://docker/hello"))[0] == 200
    assert (await server.get("http://docker"))[0] == 404
