"""Connections that leave HTTP: hijack, h2c, HTTP/2's preface; and clients that leave."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from boxship.api import connection
from boxship.api.channel import RawConnection
from boxship.api.request import MULTIPLEXED_STREAM, RAW_STREAM, Request
from boxship.errors import ConflictError
from tests.unit.api.serving import RunningServer, serving

UPGRADE = b"Connection: Upgrade\r\nUpgrade: tcp\r\n"


async def echo(request: Request, _engine: Any) -> None:
    """Send everything back, the end too."""
    await request.read_body()
    raw = await request.hijack(MULTIPLEXED_STREAM)
    await copy(raw)


async def copy(raw: RawConnection) -> None:
    while data := await raw.read():
        await raw.write(data)
    raw.write_eof()


async def count_then_report(request: Request, _engine: Any) -> None:
    """Read to the end, and only then answer."""
    raw = await request.hijack(RAW_STREAM)
    size = 0
    while data := await raw.read():
        size += len(data)
    await raw.write(b"%d" % size)


async def output_only(request: Request, engine: Any) -> None:
    """Close the output first, then go on reading."""
    raw = await request.hijack(RAW_STREAM)
    await raw.write(b"bye")
    raw.write_eof()
    while data := await raw.read():
        engine.append(data)
    engine.append(b"")


async def flood(request: Request, _engine: Any) -> None:
    raw = await request.hijack(RAW_STREAM)
    piece = bytes(256 * 1024)
    for _ in range(1024):
        await raw.write(piece)


async def pump(request: Request, _engine: Any) -> None:
    """Echo through the socket itself."""
    raw = await request.hijack(RAW_STREAM)
    detached = await raw.detach_socket()
    assert detached is not None
    ahead, sock = detached
    loop = asyncio.get_running_loop()
    with sock:
        await loop.sock_sendall(sock, ahead)
        while data := await loop.sock_recv(sock, 65536):
            await loop.sock_sendall(sock, data)


async def refuse(_request: Request, _engine: Any) -> None:
    raise ConflictError("container is not running")


async def wait_forever(_request: Request, engine: Any) -> None:
    engine.append("started")
    try:
        await asyncio.Event().wait()
    finally:
        engine.append("cancelled")


async def slow_change(_request: Request, engine: Any) -> None:
    engine.append("changing")
    await engine.release.wait()
    engine.append("finished")


async def stream_forever(request: Request, engine: Any) -> None:
    stream = request.stream("application/json")
    try:
        await stream.start()
        await asyncio.Event().wait()
    finally:
        engine.append("cancelled")


async def hang_raw(request: Request, engine: Any) -> None:
    await request.hijack(RAW_STREAM)
    try:
        await asyncio.Event().wait()
    finally:
        engine.append("cancelled")


class Diary(list[Any]):
    """What handlers did, and an event per entry."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self._grown = asyncio.Event()

    def append(self, entry: Any) -> None:
        super().append(entry)
        self._grown.set()

    async def until(self, entry: Any) -> None:
        async with asyncio.timeout(10):
            while entry not in self:
                self._grown.clear()
                await self._grown.wait()


ROWS = {
    "*POST /echo": echo,
    "*POST /count": count_then_report,
    "*POST /output": output_only,
    "*POST /flood": flood,
    "*POST /pump": pump,
    "*POST /refuse": refuse,
    "*POST /wait": wait_forever,
    "POST /change": slow_change,
    "*GET /stream": stream_forever,
    "*POST /hang": hang_raw,
}


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
async def server(tmp_path: Path, diary: Diary) -> AsyncIterator[RunningServer]:
    async with serving(tmp_path, ROWS, engine=diary, http2=copy) as running:
        yield running


def post(path: bytes, headers: bytes = UPGRADE) -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: docker\r\nContent-Type: text/plain\r\n%s\r\n" % (
        path,
        headers,
    )


async def test_an_upgrade_is_answered_101_in_docker_s_words(server: RunningServer) -> None:
    answer = await server.exchange(post(b"/echo"))
    lines = answer.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 101 UPGRADED"
    assert b"Content-Type: application/vnd.docker.multiplexed-stream" in lines
    assert b"Connection: Upgrade" in lines
    assert b"Upgrade: tcp" in lines


async def test_without_upgrade_the_answer_is_200_and_raw(server: RunningServer) -> None:
    answer = await server.exchange(post(b"/echo", b"") + b"raw bytes")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"chunked" not in head
    assert b"Content-Length" not in head
    assert body == b"raw bytes"


@pytest.mark.parametrize("headers", [UPGRADE, b""])
async def test_bytes_in_the_request_s_segment_are_not_lost(
    server: RunningServer, headers: bytes
) -> None:
    for size in (1, 100, 70_000, 3_000_000):
        payload = bytes(range(256)) * (size // 256 + 1)
        answer = await server.exchange(post(b"/echo", headers) + payload)
        assert answer.partition(b"\r\n\r\n")[2] == payload


async def test_bytes_behind_a_json_body_are_not_lost(server: RunningServer) -> None:
    body = b'{"Detach":false}'
    head = post(b"/echo", UPGRADE + b"Content-Length: %d\r\n" % len(body))
    answer = await server.exchange(head + body + b"stdin")
    assert answer.partition(b"\r\n\r\n")[2] == b"stdin"


async def test_the_client_s_half_close_is_end_of_input_only(server: RunningServer) -> None:
    answer = await server.exchange(post(b"/count") + b"x" * 1000)
    assert answer.endswith(b"\r\n\r\n1000")


async def test_the_server_s_half_close_leaves_the_input_open(
    server: RunningServer, diary: Diary
) -> None:
    reader, writer = await server.connect()
    writer.write(post(b"/output"))
    assert (await reader.read()).endswith(b"bye")
    writer.write(b"still here")
    writer.write_eof()
    await diary.until(b"")
    assert b"".join(diary) == b"still here"
    writer.close()


async def test_an_error_before_the_takeover_is_plain_http(server: RunningServer) -> None:
    answer = await server.exchange(post(b"/refuse"))
    assert answer.startswith(b"HTTP/1.1 409 Conflict")
    assert b'{"message":"container is not running"}' in answer


async def test_h2c_upgrades_hand_the_connection_over(server: RunningServer) -> None:
    headers = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    answer = await server.exchange(post(b"/echo", headers) + b"PRI * HTTP/2.0\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols")
    assert b"Upgrade: h2c" in head
    assert body == b"PRI * HTTP/2.0\r\n\r\n"


async def test_http2_s_preface_hands_the_connection_over_whole(server: RunningServer) -> None:
    payload = connection.HTTP2_PREFACE + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    assert await server.exchange(payload) == payload


async def test_a_preface_in_pieces_is_recognised(server: RunningServer) -> None:
    reader, writer = await server.connect()
    for byte in connection.HTTP2_PREFACE:
        writer.write(bytes([byte]))
        await writer.drain()
    writer.write_eof()
    assert await reader.read() == connection.HTTP2_PREFACE
    writer.close()


async def test_without_a_http2_handler_the_preface_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, ROWS) as running:
        answer = await running.exchange(connection.HTTP2_PREFACE)
    assert answer.startswith(b"HTTP/1.1 505 ")


async def test_a_slow_reader_holds_the_handler_back(server: RunningServer) -> None:
    reader, writer = await server.connect()
    writer.write(post(b"/flood"))
    await reader.readuntil(b"\r\n\r\n")
    size = 0
    while data := await reader.read(1 << 20):
        size += len(data)
    assert size == 1024 * 256 * 1024
    writer.close()


async def test_a_detached_socket_loses_nothing(server: RunningServer) -> None:
    payload = bytes(range(256)) * 4096
    answer = await server.exchange(post(b"/pump") + payload)
    assert answer.partition(b"\r\n\r\n")[2] == payload


@pytest.mark.parametrize(
    "request_head", [post(b"/wait", b""), b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"]
)
async def test_a_client_that_leaves_cancels_a_handler_that_follows(
    server: RunningServer, diary: Diary, request_head: bytes
) -> None:
    _, writer = await server.connect()
    writer.write(request_head)
    await writer.drain()
    if b"wait" in request_head:
        await diary.until("started")
    writer.close()
    await diary.until("cancelled")


async def test_a_half_close_does_not_cancel(server: RunningServer, diary: Diary) -> None:
    reader, writer = await server.connect()
    writer.write(post(b"/wait", b""))
    writer.write_eof()
    await diary.until("started")
    await asyncio.sleep(0)
    assert (await server.get("/nope"))[0] == 404
    assert "cancelled" not in diary
    writer.close()
    await diary.until("cancelled")
    del reader


async def test_a_change_is_finished_though_its_client_left(
    server: RunningServer, diary: Diary
) -> None:
    _, writer = await server.connect()
    writer.write(post(b"/change", b""))
    await diary.until("changing")
    writer.close()
    await writer.wait_closed()
    diary.release.set()
    await diary.until("finished")


async def test_a_raw_handler_that_notices_nothing_is_cancelled(
    server: RunningServer, diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HIJACK_GRACE_S", 0.05)
    reader, writer = await server.connect()
    writer.write(post(b"/hang"))
    await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await diary.until("cancelled")


async def test_tcp_clients_that_leave_cancel_too(diary: Diary, tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    async with serving(tmp_path, ROWS, engine=diary) as running:
        await running.server.listen(listener)
        _, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(post(b"/wait", b""))
        await diary.until("started")
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.close()
        await diary.until("cancelled")


async def test_closing_the_server_ends_streams_and_waits_for_changes(
    tmp_path: Path, diary: Diary
) -> None:
    async with serving(tmp_path, ROWS, engine=diary) as running:
        _, waiting = await running.connect()
        waiting.write(post(b"/wait", b""))
        await diary.until("started")
        reader, changing = await running.connect()
        changing.write(post(b"/change", b""))
        await diary.until("changing")
        closing = asyncio.ensure_future(running.server.close(grace_s=5))
        await diary.until("cancelled")
        diary.release.set()
        await closing
        assert "finished" in diary
        waiting.close()
        changing.close()
        del reader
