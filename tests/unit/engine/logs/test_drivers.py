"""Log drivers: their options, and the messages that they make."""

import gzip
import json
import os
import re
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from boxship.engine.logs.drivers.driver import LogInfo, extra_attributes, tag_of
from boxship.engine.logs.drivers.fluentd import Fluentd
from boxship.engine.logs.drivers.gelf import CHUNK_SIZE, Gelf, chunks
from boxship.engine.logs.drivers.jsonfile import PIECE_SIZE, JsonFile
from boxship.engine.logs.drivers.syslog import Syslog
from boxship.engine.logs.drivers.table import check_driver, open_driver
from boxship.engine.logs.line import LogRecord
from boxship.errors import InternalError, InvalidParameterError

AT = 1_700_000_000_123_456_789
OUT = LogRecord(AT, "stdout", b"said\n")
ERR = LogRecord(AT, "stderr", b"\xff bad\n")
FILE = f"{'c' * 64}-json.log"


def info(directory: str = "", **options: str) -> LogInfo:
    return LogInfo(
        container_id="c" * 64,
        container_name="web",
        image_id="d" * 64,
        image_name="nginx:1",
        command="nginx -g",
        created_at_ns=AT,
        labels={"tier": "front", "other": "x"},
        env=("A=1", "B=2", "AB=3"),
        directory=directory,
        options={name.replace("_", "-"): value for name, value in options.items()},
    )


@pytest.fixture
def datagrams() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        yield receiver


@pytest.fixture
def stream() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        yield listener


def port(receiver: socket.socket) -> int:
    return int(receiver.getsockname()[1])


@pytest.mark.parametrize(
    ("driver", "options", "message"),
    [
        ("odd", {}, "no log driver named 'odd' is registered"),
        ("local", {"colour": "red"}, "unknown log opt 'colour' for local log driver"),
        ("json-file", {"gelf-address": "x"}, "unknown log opt 'gelf-address' for json-file log"),
        ("json-file", {"max-size": "0"}, "max-size should be a positive number"),
        ("json-file", {"compress": "true", "max-file": "1"}, "compress cannot be true when"),
        ("json-file", {"labels-regex": "("}, "invalid log opt labels-regex"),
        ("json-file", {"mode": "odd"}, "logging mode not supported: odd"),
        ("json-file", {"tag": "{{"}, "template"),
        ("syslog", {"syslog-address": "nowhere"}, "invalid syslog-address"),
        ("syslog", {"syslog-address": "tcp://h:99999"}, "is no port"),
        ("syslog", {"syslog-address": "unix://relative"}, "no absolute path"),
        ("syslog", {"syslog-facility": "odd"}, "invalid syslog facility"),
        ("syslog", {"syslog-format": "odd"}, "invalid syslog format: odd"),
        ("gelf", {}, "gelf-address is a required parameter"),
        ("gelf", {"gelf-address": "http://x"}, "invalid gelf-address"),
        (
            "gelf",
            {"gelf-address": "udp://x", "gelf-compression-type": "rar"},
            'invalid compression type "rar"',
        ),
        (
            "gelf",
            {"gelf-address": "udp://x", "gelf-tcp-max-reconnect": "1"},
            "only supported for TCP",
        ),
        ("fluentd", {"fluentd-address": "ftp://x"}, "invalid fluentd-address"),
        ("fluentd", {"fluentd-async": "maybe"}, "invalid value for fluentd-async"),
    ],
)
def test_bad_options(driver: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidParameterError, match=re.escape(message)):
        check_driver(driver, options)


def test_attributes_and_tag() -> None:
    chosen = info(labels="tier,none", env="B", env_regex="^A")
    assert extra_attributes(chosen) == {"tier": "front", "B": "2", "A": "1", "AB": "3"}
    assert tag_of(info()) == "c" * 12
    assert tag_of(info(tag="{{.Name}}/{{.ImageName}}/{{.FullID}}")) == "web/nginx:1/" + "c" * 64


def test_json_file(tmp_path: Path) -> None:
    driver = JsonFile(info(str(tmp_path), labels="tier", tag="{{.Name}}"))
    long = LogRecord(AT, "stdout", b"x" * (PIECE_SIZE + 1) + b"\n")
    driver.write([OUT, ERR, long])
    driver.close()
    lines = (tmp_path / FILE).read_text().splitlines()
    assert lines[0] == (
        '{"log":"said\\n","stream":"stdout","attrs":{"tier":"front","tag":"web"},'
        '"time":"2023-11-14T22:13:20.123456789Z"}'
    )
    assert json.loads(lines[1])["log"] == "\ufffd bad\n"
    assert [json.loads(line)["log"] for line in lines[2:]] == ["x" * PIECE_SIZE, "x\n"]


def test_json_files_are_bounded(tmp_path: Path) -> None:
    driver = JsonFile(info(str(tmp_path), max_size="1k", max_file="3", compress="true"))
    for number in range(100):
        driver.write([LogRecord(AT, "stdout", b"%d " % number + b"y" * 100 + b"\n")])
    driver.close()
    assert sorted(os.listdir(tmp_path)) == [FILE, f"{FILE}.1.gz", f"{FILE}.2.gz"]
    newer = gzip.decompress((tmp_path / f"{FILE}.1.gz").read_bytes())
    older = gzip.decompress((tmp_path / f"{FILE}.2.gz").read_bytes())
    numbers = [
        int(json.loads(line)["log"].split()[0])
        for line in (older + newer + (tmp_path / FILE).read_bytes()).splitlines()
    ]
    assert numbers == list(range(numbers[0], 100))


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An hour east of Greenwich."""
    monkeypatch.setenv("TZ", "UTC-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("", "<30>{local} web[{pid}]: said\n"),
        ("rfc3164", "<30>{local} {host} web[{pid}]: said\n"),
        ("rfc5424", "<30>1 {iso} {host} web {pid} web - said\n"),
        ("rfc5424micro", "<30>1 {micro} {host} web {pid} web - said\n"),
    ],
)
@pytest.mark.usefixtures("zone")
def test_syslog_formats(datagrams: socket.socket, form: str, expected: str) -> None:
    address = f"udp://127.0.0.1:{port(datagrams)}"
    driver = Syslog(info(syslog_address=address, syslog_format=form, tag="{{.Name}}"))
    driver.write([OUT, ERR])
    said, complained = datagrams.recv(4096).decode(), datagrams.recv(4096).decode()
    driver.close()
    assert said == expected.format(
        local="Nov 14 23:13:20",
        iso="2023-11-14T23:13:20+01:00",
        micro="2023-11-14T23:13:20.123456+01:00",
        host=os.uname().nodename,
        pid=os.getpid(),
    )
    assert complained.startswith("<27>")
    assert complained.endswith("\ufffd bad\n")


def test_a_server_that_is_away_fails_the_start(stream: socket.socket) -> None:
    address = f"tcp://127.0.0.1:{port(stream)}"
    stream.close()
    with pytest.raises(InternalError, match="failed to initialize logging driver: dial tcp 127"):
        open_driver("syslog", info(syslog_address=address))
    open_driver("fluentd", info(fluentd_address=address, fluentd_async="true")).close()


@pytest.mark.parametrize("compression", ["gzip", "zlib", "none"])
def test_gelf_datagrams(datagrams: socket.socket, compression: str) -> None:
    address = f"udp://127.0.0.1:{port(datagrams)}"
    driver = Gelf(info(gelf_address=address, gelf_compression_type=compression, env="A"))
    driver.write([LogRecord(AT, "stdout", b"\n"), OUT])
    packed = datagrams.recv(65536)
    driver.close()
    if compression == "gzip":
        packed = gzip.decompress(packed)
    elif compression == "zlib":
        packed = zlib.decompress(packed)
    document = json.loads(packed)
    assert document["short_message"] == "said"
    assert (document["version"], document["level"]) == ("1.1", 6)
    assert document["timestamp"] == 1_700_000_000.123
    assert (document["_container_name"], document["_A"]) == ("web", "1")


def test_gelf_chunks() -> None:
    message = os.urandom(3 * CHUNK_SIZE)
    parts = chunks(message)
    assert [part[10:12] for part in parts] == [bytes((n, 4)) for n in range(4)]
    assert b"".join(part[12:] for part in parts) == message
    assert len({part[2:10] for part in parts}) == 1
    assert chunks(os.urandom(CHUNK_SIZE * 200)) == []


def test_fluentd(stream: socket.socket) -> None:
    address = f"127.0.0.1:{port(stream)}"
    options = {"fluentd_sub_second_precision": "true", "tag": "{{.Name}}"}
    driver = Fluentd(info(fluentd_address=address, **options))
    peer, _ = stream.accept()
    driver.write([OUT, ERR._replace(partial=True)])
    driver.close()
    received = b""
    while data := peer.recv(65536):
        received += data
    peer.close()
    event = {"container_id": "c" * 64, "container_name": "/web", "source": "stdout", "log": "said"}
    moment = msgspec.msgpack.Ext(0, struct.pack(">II", 1_700_000_000, 123_456_789))
    first = msgspec.msgpack.encode(["web", moment, event])
    assert received.startswith(first)
    second = msgspec.msgpack.decode(received[len(first) :])
    assert second[2]["partial_message"] == "true"
    assert second[2]["source"] == "stderr"
