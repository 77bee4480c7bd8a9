"""The port holder as a process, without an engine."""

import asyncio
import os
import select
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boxship.engine.networks.holder import HeldPort, PortHolderClient

END_TIMEOUT_S = 10.0


def bound(kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        sock.listen()
    return sock


def held(key: str, kind: socket.SocketKind, target: int) -> tuple[HeldPort, int]:
    sock = bound(kind)
    protocol = "tcp" if kind == socket.SOCK_STREAM else "udp"
    return HeldPort(key, protocol, sock, "127.0.0.1", target), sock.getsockname()[1]


async def ended(pidfd: int) -> bool:
    readable, _, _ = await asyncio.to_thread(select.select, [pidfd], [], [], END_TIMEOUT_S)
    return bool(readable)


@pytest.fixture
async def holder(tmp_path: Path) -> AsyncIterator[PortHolderClient]:
    client = PortHolderClient(tmp_path / "portd.sock")
    yield client
    await client.release(sorted(await client.held()))
    pidfd = os.pidfd_open(client.pid) if client.pid else None
    client.close()
    if pidfd is not None:
        assert await ended(pidfd), "the holder outlives its last port and daemon"
        os.close(pidfd)


async def test_no_holder_runs_until_there_is_a_port(holder: PortHolderClient) -> None:
    assert await holder.held() == set()
    await holder.release(["nothing"])
    assert holder.pid == 0


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write(b"!")
    writer.close()


async def test_tcp_is_proxied_with_half_close(holder: PortHolderClient) -> None:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    port, number = held("web", socket.SOCK_STREAM, server.sockets[0].getsockname()[1])
    await holder.hold([port])
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    sent = os.urandom(3_000_000)
    reading = asyncio.create_task(reader.read(-1))
    writer.write(sent)
    writer.write_eof()
    assert await reading == sent + b"!"
    writer.close()
    server.close()


async def test_udp_is_proxied(holder: PortHolderClient) -> None:
    server = bound(socket.SOCK_DGRAM)
    port, number = held("dns", socket.SOCK_DGRAM, server.getsockname()[1])
    await holder.hold([port])
    with server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"question", ("127.0.0.1", number))
        data, peer = await asyncio.to_thread(server.recvfrom, 100)
        server.sendto(data + b" answered", peer)
        assert await asyncio.to_thread(client.recv, 100) == b"question answered"


async def test_a_held_port_is_taken_and_free_again_when_released(holder: PortHolderClient) -> None:
    port, number = held("web", socket.SOCK_STREAM, 1)
    await holder.hold([port])
    assert await holder.held() == {"web"}
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="already in use"):
            other.bind(("127.0.0.1", number))
        await holder.release(["web"])
        other.bind(("127.0.0.1", number))


async def test_a_refusing_container_ends_the_connection(holder: PortHolderClient) -> None:
    closed = bound(socket.SOCK_STREAM)
    target = closed.getsockname()[1]
    closed.close()
    port, number = held("web", socket.SOCK_STREAM, target)
    await holder.hold([port])
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    assert await reader.read(1) == b""
    writer.close()


async def test_many_ports_and_another_target(holder: PortHolderClient) -> None:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    ports = [held(f"p{n}", socket.SOCK_STREAM, 1) for n in range(250)]
    await holder.hold([port for port, _ in ports])
    assert await holder.held() == {f"p{n}" for n in range(250)}
    await holder.aim({"p249": ("127.0.0.1", server.sockets[0].getsockname()[1])})
    reader, writer = await asyncio.open_connection("127.0.0.1", ports[249][1])
    writer.write(b"x")
    assert await reader.read(1) == b"x"
    writer.close()
    server.close()


async def test_ports_outlive_the_daemon(holder: PortHolderClient, tmp_path: Path) -> None:
    port, _ = held("web", socket.SOCK_STREAM, 1)
    await holder.hold([port])
    pid = holder.pid
    holder.close()
    again = PortHolderClient(tmp_path / "portd.sock")
    assert await again.held() == {"web"}
    assert again.pid == pid
    again.close()


async def test_a_killed_holder_is_replaced(holder: PortHolderClient) -> None:
    await holder.hold([held("one", socket.SOCK_STREAM, 1)[0]])
    pidfd = os.pidfd_open(holder.pid)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    assert await ended(pidfd)
    os.close(pidfd)
    await holder.hold([held("two", socket.SOCK_STREAM, 1)[0]])
    assert await holder.held() == {"two"}
