"""The blocking client against a fake engine on a unix socket."""

from pathlib import Path

import pytest

from boxship.client.blocking import Client
from boxship.client.calls import containers, images, system
from boxship.client.core import API_VERSION
from boxship.client.endpoint import parse_endpoint
from boxship.client.errors import ConnectionFailedError
from boxship.client.testing import Asked, Connection, fake_engine
from boxship.errors import NotFoundError


def test_one_connection_carries_several_calls(tmp_path: Path) -> None:
    connections = []

    def handle(connection: Connection, request: Asked) -> None:
        connections.append(connection)
        connection.answer({"path": request.path})

    with fake_engine(tmp_path, handle) as engine, Client(engine.endpoint) as client:
        assert client.json(system.system_info()) == {"path": "/info"}
        assert client.json(containers.container_inspect("web")) == {"path": "/containers/web/json"}
        assert engine.asked[0].version == API_VERSION
    assert connections[0] is connections[1]


def test_a_closed_connection_is_replaced(tmp_path: Path) -> None:
    def handle(connection: Connection, _: Asked) -> bool:
        connection.answer({})
        return True

    with fake_engine(tmp_path, handle) as engine, Client(engine.endpoint) as client:
        for _ in range(3):
            assert client.json(system.system_info()) == {}
        assert len(engine.asked) == 3


def test_errors_are_typed(tmp_path: Path) -> None:
    def handle(connection: Connection, _: Asked) -> None:
        connection.answer({"message": "No such container: x"}, 404)

    with (
        fake_engine(tmp_path, handle) as engine,
        Client(engine.endpoint) as client,
        pytest.raises(NotFoundError, match="No such container: x"),
    ):
        client.json(containers.container_inspect("x"))


def test_no_content_is_none_and_not_modified_is_no_error(tmp_path: Path) -> None:
    def handle(connection: Connection, request: Asked) -> None:
        connection.answer(None, 304 if request.path.endswith("start") else 204)

    with fake_engine(tmp_path, handle) as engine, Client(engine.endpoint) as client:
        client.run(containers.container_start("x"))
        assert client.json(containers.container_kill("x")) is None


def refuse_new(connection: Connection, request: Asked) -> None:
    if request.version == API_VERSION:
        message = f"client version {API_VERSION} is too new. Maximum supported API version is 1.43"
        connection.answer({"message": message}, 400, {"Api-Version": "1.43"})
    else:
        connection.answer({"version": request.version, "size": len(request.body)})


def test_an_older_engine_is_spoken_to_in_its_version(tmp_path: Path) -> None:
    with fake_engine(tmp_path, refuse_new) as engine, Client(engine.endpoint) as client:
        assert client.json(system.system_info())["version"] == "1.43"
        assert client.json(system.system_info())["version"] == "1.43"
        assert len(engine.asked) == 3


def test_a_stream_is_not_sent_to_an_engine_whose_version_is_unknown(tmp_path: Path) -> None:
    with fake_engine(tmp_path, refuse_new) as engine, Client(engine.endpoint) as client:
        call = images.image_load(iter([b"abc", b"", b"defg"]), quiet=True, platforms=[])
        assert client.json(call) == {"version": "1.43", "size": 7}
        assert engine.paths() == ["GET /_ping", "GET /_ping", "POST /images/load"]


def test_a_pinned_version_is_kept(tmp_path: Path) -> None:
    def handle(connection: Connection, _: Asked) -> None:
        connection.answer({"message": "client version 1.30 is too new."}, 400)

    with fake_engine(tmp_path, handle) as engine:
        client = Client(engine.endpoint, api_version="1.30")
        with pytest.raises(Exception, match="too new"):
            client.json(system.system_info())
        assert [request.version for request in engine.asked] == ["1.30"]


def test_json_lines_are_streamed(tmp_path: Path) -> None:
    def handle(connection: Connection, _: Asked) -> None:
        connection.answer_chunks([b'{"id":1}\n{"i', b'd":2}\n', b'{"id":3}'])

    with fake_engine(tmp_path, handle) as engine, Client(engine.endpoint) as client:
        assert [item["id"] for item in client.lines(system.system_events())] == [1, 2, 3]


def test_a_hijack_loses_no_byte_and_closes_one_direction(tmp_path: Path) -> None:
    def handle(connection: Connection, _: Asked) -> bool:
        connection.upgrade(b"early ")
        received = b""
        while data := connection.read_raw():
            received += data
        connection.sock.sendall(b"got " + received)
        return True

    with fake_engine(tmp_path, handle) as engine, Client(engine.endpoint) as client:
        call = containers.container_attach("x", stdin=True, stdout=True, stderr=False)
        stream = client.hijack(call)
        assert stream.is_multiplexed
        stream.write(b"typed")
        stream.shutdown_write()
        output = b""
        while data := stream.read():
            output += data
        stream.close()
        assert output == b"early got typed"
        assert engine.asked[0].headers["upgrade"] == "tcp"


def test_a_started_call_is_answered_later(tmp_path: Path) -> None:
    def handle(connection: Connection, request: Asked) -> None:
        connection.answer({"StatusCode": 3} if request.path.endswith("wait") else {})

    with fake_engine(tmp_path, handle) as engine, Client(engine.endpoint) as client:
        wait = client.start(containers.container_wait("x"))
        assert client.json(system.system_info()) == {}
        assert wait.response().read_all() == b'{"StatusCode":3}'


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"SSH-2.0\r\n\r\n"]
)
def test_a_broken_answer_is_a_failed_connection(tmp_path: Path, reply: bytes) -> None:
    def handle(connection: Connection, _: Asked) -> bool:
        connection.sock.sendall(reply)
        return True

    with (
        fake_engine(tmp_path, handle) as engine,
        Client(engine.endpoint) as client,
        pytest.raises(ConnectionFailedError, match="was lost"),
    ):
        client.json(system.system_info())


def test_nobody_listens(tmp_path: Path) -> None:
    client = Client(parse_endpoint(f"unix://{tmp_path}/none.sock"))
    with pytest.raises(ConnectionFailedError, match="Is the boxship daemon running"):
        client.json(system.system_info())
