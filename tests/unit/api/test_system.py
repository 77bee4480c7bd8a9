"""Ping, version, info, events and disk usage against an engine of simple parts."""

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from boxship.api.server import ApiServer, ServerFacts
from boxship.engine.config import EngineConfig, RegistryConfig
from boxship.engine.containers.container import Status
from boxship.engine.events import service as event_service
from boxship.engine.events.service import EventService
from boxship.engine.runtime.runtimes import Runtime
from boxship.engine.state.database import Database
from boxship.linux.cgroups import Hierarchies, detect
from tests.support.fixtures import docker_programs
from tests.unit.api.serving import RunningServer

CONFIG = EngineConfig(
    name="testhost",
    labels=("a=b",),
    registry=RegistryConfig(
        mirrors=("https://mirror.example/",),
        insecure=("reg:5000", "10.0.0.0/8"),
        http_proxy="http://user:secret@proxy:3128",
    ),
)


@pytest.fixture
def events(tmp_path: Path) -> Iterator[EventService]:
    database = Database.open(tmp_path / "state.db", event_service.MIGRATIONS)
    yield EventService(database)
    database.close()


def engine_of(events: EventService, hierarchies: Hierarchies | None = None) -> Any:
    counts = dict.fromkeys(Status, 0) | {Status.RUNNING: 2, Status.PAUSED: 1, Status.EXITED: 3}
    crun = Runtime("crun", "/usr/bin/crun", (), Path("/run/x"))
    return SimpleNamespace(
        config=CONFIG,
        id="f" * 32,
        events=events,
        containers=SimpleNamespace(counts=lambda: counts, select=lambda _query: []),
        images=SimpleNamespace(list=lambda _filters, **_options: []),
        storage=SimpleNamespace(
            driver_name="overlay",
            driver_status=[("Backing Filesystem", "extfs")],
            usage=lambda: SimpleNamespace(layers=0),
        ),
        networks=SimpleNamespace(driver_names=["bridge", "host", "null"]),
        volumes=SimpleNamespace(list=lambda _filters: []),
        runtime=SimpleNamespace(
            cgroup_driver="cgroupfs",
            apparmor_profile="",
            cgroup_version=(hierarchies or detect()).version,
            host=SimpleNamespace(hierarchies=hierarchies or detect(), conmon="/usr/bin/conmon"),
            runtimes=lambda: {"crun": crun},
        ),
    )


@pytest.fixture
async def server(tmp_path: Path, events: EventService) -> AsyncIterator[RunningServer]:
    path = tmp_path / "api.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    facts = ServerFacts(debug=True, warnings=("WARNING: API is open",))
    api = ApiServer(engine_of(events), facts=facts)
    await api.listen(listener)
    yield RunningServer(api, path)
    await api.close(1)


async def document_of(server: RunningServer, path: str) -> Any:
    status, body = await server.get(path)
    assert status == 200, body
    return json.loads(body)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_ping_has_all_its_headers(server: RunningServer, method: str) -> None:
    answer = await server.exchange(f"{method} /_ping HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    for line in (
        b"Api-Version: 1.55",
        b"Builder-Version: 1",
        b"Cache-Control: no-cache, no-store, must-revalidate",
        b"Content-Type: text/plain; charset=utf-8",
        b"Docker-Experimental: false",
        b"Ostype: linux",
        b"Pragma: no-cache",
        b"Swarm: inactive",
    ):
        assert line in head.split(b"\r\n")
    assert body == (b"OK" if method == "GET" else b"")


async def test_version(server: RunningServer) -> None:
    document = await document_of(server, "/v1.24/version")
    assert document["ApiVersion"] == "1.55"
    assert document["MinAPIVersion"] == "1.24"
    assert document["Platform"] == {"Name": "Boxship"}
    components = {item["Name"]: item for item in document["Components"]}
    assert {"Engine", "crun", "conmon"} <= components.keys()
    assert components["crun"]["Version"][0].isdecimal()
    assert components["Engine"]["Details"]["MinAPIVersion"] == "1.24"
    assert document["Os"] == "linux"
    assert all(document[key] for key in ("Version", "Arch", "KernelVersion", "GoVersion"))


async def test_info(server: RunningServer) -> None:
    info = await document_of(server, "/info")
    assert (info["Containers"], info["ContainersRunning"]) == (6, 2)
    assert (info["ContainersPaused"], info["ContainersStopped"]) == (1, 3)
    assert info["DriverStatus"] == [["Backing Filesystem", "extfs"]]
    assert info["Name"] == "testhost"
    assert info["Labels"] == ["a=b"]
    assert info["HttpProxy"] == "http://xxxxx:xxxxx@proxy:3128"
    registry = info["RegistryConfig"]
    assert registry["Mirrors"] == ["https://mirror.example/"]
    assert registry["InsecureRegistryCIDRs"] == ["::1/128", "127.0.0.0/8", "10.0.0.0/8"]
    assert registry["IndexConfigs"]["reg:5000"]["Secure"] is False
    assert registry["IndexConfigs"]["docker.io"]["Official"] is True
    assert info["Runtimes"]["crun"]["path"] == "/usr/bin/crun"
    assert info["Swarm"]["LocalNodeState"] == "inactive"
    assert info["Debug"] is True
    assert "WARNING: API is open" in info["Warnings"]
    assert info["LiveRestoreEnabled"] is True
    assert info["FirewallBackend"] == {"Driver": "nftables"}
    must_say = ("KernelVersion", "OperatingSystem", "NCPU", "MemTotal", "ID", "DefaultRuntime")
    assert all(info[key] for key in (*must_say, "CgroupDriver", "CgroupVersion", "InitBinary"))


async def test_info_for_old_clients(server: RunningServer) -> None:
    info = await document_of(server, "/v1.40/info")
    assert info["BridgeNfIptables"] is False
    assert info["BridgeNfIp6tables"] is False
    assert info["RuncCommit"]["Expected"] == info["RuncCommit"]["ID"]
    assert info["RegistryConfig"]["AllowNondistributableArtifactsCIDRs"] == []
    assert "FirewallBackend" not in info
    assert "status" not in info["Runtimes"]["crun"]


# Events


async def read_events(
    server: RunningServer, path: str, count: int, headers: str = ""
) -> tuple[bytes, list[bytes]]:
    """Read the head and the first events, and leave."""
    reader, writer = await server.connect()
    writer.write(f"GET {path} HTTP/1.0\r\n{headers}\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    lines = [await asyncio.wait_for(reader.readline(), 10) for _ in range(count)]
    writer.close()
    return head, lines


async def test_past_events_alone(server: RunningServer, events: EventService) -> None:
    events.emit("container", "start", "c1", {"image": "busybox", "name": "web"})
    events.emit("network", "connect", "n1", {"name": "bridge"})
    _, body = await server.get("/v1.44/events?until=0s")
    first, second = (json.loads(line) for line in body.split(b"\r\n") if line[:1] == b"{")
    assert (first["Type"], second["Type"]) == ("container", "network")
    assert "status" not in second
    assert (await server.get("/v1.44/events?until=1h"))[1] == b"0\r\n\r\n"


async def test_live_events_follow_the_replay(server: RunningServer, events: EventService) -> None:
    attributes = {"image": "busybox", "name": "web"}
    events.emit("container", "create", "c1", attributes)
    reader, writer = await server.connect()
    writer.write(b"GET /v1.44/events?since=0 HTTP/1.0\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"Content-Type: application/json" in head
    events.emit("container", "start", "c1", attributes)
    lines = [await asyncio.wait_for(reader.readline(), 10) for _ in range(2)]
    assert [json.loads(line)["Action"] for line in lines] == ["create", "start"]
    event = json.loads(lines[1])
    assert (event["status"], event["id"], event["from"]) == ("start", "c1", "busybox")
    assert event["Actor"] == {"ID": "c1", "Attributes": attributes}
    assert event["scope"] == "local"
    assert event["timeNano"] // 10**9 == event["time"]
    writer.close()
    await server.idle()
    assert events.listener_count == 0


async def test_events_are_filtered(server: RunningServer, events: EventService) -> None:
    for kind in ("container", "image", "container"):
        events.emit(kind, "create", "x", {})
    path = '/events?since=0&filters={"type":["container"]}'
    _, lines = await read_events(server, path, 2)
    assert all(b'"container"' in line for line in lines)


async def test_image_create_is_new_in_1_46(server: RunningServer, events: EventService) -> None:
    events.emit("image", "create", "x", {})
    events.emit("image", "tag", "x", {})
    _, lines = await read_events(server, "/v1.45/events?since=0", 1)
    assert b'"tag"' in lines[0]
    _, lines = await read_events(server, "/v1.46/events?since=0", 1)
    assert b'"create"' in lines[0]


@pytest.mark.parametrize(
    ("version", "accept", "media_type", "prefix"),
    [
        ("v1.51", "*/*", "application/json", b""),
        ("v1.52", "application/json-seq", "application/json-seq", b"\x1e"),
        ("v1.52", "application/json-seq;q=0.1, application/x-ndjson", "application/x-ndjson", b""),
        ("v1.52", "application/jsonl", "application/json", b""),
        ("v1.53", "application/jsonl", "application/jsonl", b""),
        ("v1.53", "application/jsonl;q=x", "application/json", b""),
    ],
)
async def test_the_framing_of_events_is_negotiated(
    server: RunningServer,
    events: EventService,
    version: str,
    accept: str,
    media_type: str,
    prefix: bytes,
) -> None:
    events.emit("volume", "create", "v", {})
    headers = f"Accept: {accept}\r\n"
    head, lines = await read_events(server, f"/{version}/events?since=0", 1, headers)
    assert f"Content-Type: {media_type}\r\n".encode() in head
    assert lines[0].startswith(prefix + b"{")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("since=20&until=10", "`since` time (20) cannot be after `until` time (10)"),
        ('filters={"nope":["x"]}', "invalid filter 'nope'"),
        ("since=yesterday", "yesterday"),
    ],
)
async def test_bad_questions_about_events(server: RunningServer, query: str, message: str) -> None:
    status, body = await server.get(f"/events?{query}")
    assert status == 400
    assert message in json.loads(body)["message"]


# Disk usage


async def test_disk_usage_for_all_clients(server: RunningServer) -> None:
    old = await document_of(server, "/v1.41/system/df")
    assert old == {
        "LayersSize": 0,
        "Images": [],
        "Containers": [],
        "Volumes": [],
        "BuildCache": [],
    }
    only = await document_of(server, "/v1.44/system/df?type=volume")
    assert only == {"Volumes": []}
    new = await document_of(server, "/v1.52/system/df?verbose=1")
    usage = {"ActiveCount": 0, "TotalCount": 0, "Reclaimable": 0, "TotalSize": 0}
    assert new["ImageUsage"] == {**usage, "Items": []}
    assert new["BuildCacheUsage"] == usage
    assert "Images" not in new
    status, body = await server.get("/system/df?type=nope")
    assert (status, json.loads(body)) == (400, {"message": "unknown object type: nope"})


# The stock client


def docker(server: RunningServer, *arguments: str) -> str:
    command = [str(docker_programs()[-1]), "-H", f"unix://{server.path}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_the_stock_client_reads_version_and_info(server: RunningServer) -> None:
    version = await asyncio.to_thread(docker, server, "version")
    assert "Server: Boxship" in version
    assert "(minimum version 1.24)" in version
    info = await asyncio.to_thread(docker, server, "info")
    rows = [line.partition(":") for line in info[info.index("Server:") :].splitlines()[1:]]
    headings = {"Plugins", "Security Options", "Labels", "Insecure Registries", "Registry Mirrors"}
    empty = [
        name.strip()
        for name, colon, value in rows
        if colon and not value.strip() and name.strip() not in headings
    ]
    assert empty == []
