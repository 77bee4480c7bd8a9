"""Bodies around h11 and files from the kernel: what large uploads and downloads go by."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from boxship.api import connection
from boxship.api.request import Request
from boxship.api.response import Response, text_response
from tests.unit.api.serving import RunningServer, serving

DATA = os.urandom(300_000)


async def take(request: Request, _engine: Any) -> Response:
    """Answer with the body."""
    return Response(200, b"".join([piece async for piece in request.raw_body()]))


async def leave(_request: Request, _engine: Any) -> Response:
    """Do not look at the body."""
    return text_response("not wanted", 400)


async def begin(request: Request, _engine: Any) -> Response:
    """Look at the beginning of the body only."""
    async for _ in request.raw_body():
        break
    return text_response("enough", 400)


async def send(request: Request, _engine: Any) -> None:
    """Answer with a part of a file."""
    start, count = request.query.integer("start") or 0, request.query.integer("count") or 0
    descriptor = os.open(request.query.text("path"), os.O_RDONLY)
    try:
        await request.send_file(descriptor, start, count, content_type="x/y")
    finally:
        os.close(descriptor)


ROWS = {
    "PUT /take": take,
    "PUT /leave": leave,
    "PUT /begin": begin,
    "GET /file": send,
    "HEAD /file": send,
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    """A server with the handlers above."""
    async with serving(tmp_path, ROWS) as running:
        yield running


def put(path: str, body: bytes, *, chunked: bool, headers: str = "") -> bytes:
    """A request with a body."""
    if chunked:
        pieces = [body[at : at + 70_000] for at in range(0, len(body), 70_000)]
        body = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        body += b"0\r\nTrailer: x\r\n\r\n"
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\n{framing}\r\n{headers}\r\n"
    return head.encode() + body


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("body", [b"", b"x", DATA], ids=["empty", "one", "many"])
async def test_bodies_around_h11_come_whole(
    server: RunningServer, chunked: bool, body: bytes
) -> None:
    answer = await server.exchange(put("/take", body, chunked=chunked))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize("chunked", [True, False])
async def test_the_next_request_follows_at_once(server: RunningServer, chunked: bool) -> None:
    requests = b"".join(put("/take", body, chunked=chunked) for body in (b"one", b"two", b""))
    answers = (await server.exchange(requests)).split(b"HTTP/1.1 200 OK")
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers[1:]] == [b"one", b"two", b""]


async def test_a_client_that_wants_to_close_is_heard(server: RunningServer) -> None:
    requests = put("/take", b"one", chunked=False, headers="Connection: close\r\n") * 2
    answer = await server.exchange(requests)
    assert answer.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in answer.lower()


async def test_the_body_is_asked_for(server: RunningServer) -> None:
    reader, writer = await server.connect()
    writer.write(
        b"PUT /take HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    writer.write(b"abc")
    assert (await reader.readuntil(b"\r\n\r\nabc")).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Content-Length: 10"])
async def test_a_body_that_breaks_off(server: RunningServer, framing: str) -> None:
    head = f"PUT /take HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode()
    assert (await server.exchange(head + b"5\r\nabc")).startswith(b"HTTP/1.1 400 ")


async def test_a_malformed_chunk(server: RunningServer) -> None:
    head = b"PUT /take HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await server.exchange(head + b"zz\r\nabc\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("path", ["/leave", "/begin"])
async def test_an_unwanted_body_does_not_cost_the_client_the_answer(
    server: RunningServer, path: str
) -> None:
    """The client sends on and on, and reads only then."""
    reader, writer = await server.connect()
    writer.write(put(path, bytes(8_000_000), chunked=False))
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 20)
    assert answer.startswith(b"HTTP/1.1 400")
    writer.close()


async def test_a_client_that_never_stops_sending_is_cut_off(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LINGER_S", 0.05)
    reader, writer = await server.connect()
    writer.write(b"PUT /leave HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
    writer.write(bytes(400_000))
    assert (await asyncio.wait_for(reader.read(), 20)).startswith(b"HTTP/1.1 400")
    await server.idle()
    writer.close()


@pytest.mark.parametrize(
    ("start", "count"), [(0, 0), (0, 1), (0, 300_000), (5, 65_536), (7, 65_537), (299_999, 1)]
)
async def test_parts_of_a_file(
    server: RunningServer, tmp_path: Path, start: int, count: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    target = f"/file?path={path}&start={start}&count={count}"
    status, body = await server.get(target)
    assert (status, body) == (200, DATA[start : start + count])
    assert await server.get(target, "HEAD") == (200, b"")


async def test_a_file_keeps_the_connection(server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    request = f"GET /file?path={path}&count={len(DATA)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    assert (await server.exchange(request * 3)).count(DATA) == 3


async def test_a_file_that_is_too_short_truncates_the_answer(
    server: RunningServer, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    for count in (300_001, 400_000):
        answer = await server.exchange(
            f"GET /file?path={path}&count={count} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        )
        assert f"content-length: {count}".encode() in answer.lower()
        assert len(answer.partition(b"\r\n\r\n")[2]) < count
