"""The asyncio client against a fake engine on a unix socket."""

import asyncio
from pathlib import Path

import pytest

from boxship.client.async_ import AsyncClient
from boxship.client.calls import containers, images, system
from boxship.client.core import API_VERSION
from boxship.client.endpoint import parse_endpoint
from boxship.client.errors import ConnectionFailedError
from boxship.client.testing import Asked, Connection, fake_engine
from boxship.errors import NotFoundError


async def test_calls_run_at_the_same_time(tmp_path: Path) -> None:
    def handle(connection: Connection, request: Asked) -> None:
        connection.answer({"path": request.path})

    with fake_engine(tmp_path, handle) as engine:
        async with AsyncClient(engine.endpoint) as client:
            calls = [containers.container_inspect(str(number)) for number in range(20)]
            answers = await asyncio.gather(*(client.json(call) for call in calls))
    assert [answer["path"] for answer in answers] == [call.path for call in calls]


async def test_lines_errors_and_fallback(tmp_path: Path) -> None:
    def handle(connection: Connection, request: Asked) -> None:
        if request.version == API_VERSION:
            connection.answer({"message": "too new: maximum is 1.40"}, 400)
        elif request.path == "/events":
            connection.answer_chunks([b'{"id":1}\n{"i', b'd":2}\n'])
        else:
            connection.answer({"message": "No such container: x"}, 404)

    with fake_engine(tmp_path, handle) as engine:
        async with AsyncClient(engine.endpoint) as client:
            events = [event async for event in client.lines(system.system_events())]
            assert [event["id"] for event in events] == [1, 2]
            assert client.api_version == "1.40"
            with pytest.raises(NotFoundError):
                await client.json(containers.container_inspect("x"))


async def test_a_stream_may_come_from_an_asynchronous_source(tmp_path: Path) -> None:
    def handle(connection: Connection, request: Asked) -> None:
        connection.answer({"size": len(request.body)})

    with fake_engine(tmp_path, handle) as engine:
        async with AsyncClient(engine.endpoint) as client:
            call = images.image_load([b"abc", b"de"], quiet=True, platforms=[])
            assert await client.json(call) == {"size": 5}


async def test_a_hijack_loses_no_byte_and_closes_one_direction(tmp_path: Path) -> None:
    def handle(connection: Connection, _: Asked) -> bool:
        connection.upgrade(b"early ")
        received = b""
        while data := connection.read_raw():
            received += data
        connection.sock.sendall(b"got " + received)
        return True

    with fake_engine(tmp_path, handle) as engine:
        async with AsyncClient(engine.endpoint) as client:
            call = containers.container_attach("x", stdin=True, stdout=True, stderr=False)
            stream = await client.hijack(call)
            await stream.write(b"typed")
            stream.write_eof()
            output = b""
            while data := await stream.read():
                output += data
            stream.close()
    assert output == b"early got typed"


async def test_nobody_listens(tmp_path: Path) -> None:
    client = AsyncClient(parse_endpoint(f"unix://{tmp_path}/none.sock"))
    with pytest.raises(ConnectionFailedError, match="Is the boxship daemon running"):
        await client.json(system.system_info())
