"""Clients that go away in the middle of something: nothing of them may stay in the daemon."""

import contextlib
import os
import random
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.waiting import wait_until

TIMES = 12
ALLOWED = 3
"""Descriptors and tasks that come and go by themselves."""
KEPT_CONNECTIONS = 8
"""Connections to a registry that may stay open: as many as transfers may run at once."""
IDLE_TASKS = 8
"""More than a daemon with one container has when nobody asks anything."""
CHATTER = "while :; do echo chatter; usleep 20000; done"
BUSYBOX_PULL = "/images/create?fromImage=busybox&tag=latest"


@dataclass(frozen=True)
class Usage:
    """What the daemon holds."""

    descriptors: int
    """All but TCP connections."""
    connections: int
    """Over TCP, which the daemon has to registries only."""
    tasks: int

    def within(self, other: "Usage") -> bool:
        """Tell whether this is no more than what comes and goes."""
        return (
            self.descriptors <= other.descriptors + ALLOWED
            and self.connections <= KEPT_CONNECTIONS
            and self.tasks <= other.tasks + ALLOWED
        )


def usage(daemon: Daemon) -> Usage:
    """Count the daemon's descriptors, and its tasks by what it logs for SIGUSR1."""
    before = len(daemon.log)
    os.kill(daemon.pid, signal.SIGUSR1)
    wait_until(lambda: "Stacks of all tasks" in daemon.log[before:])
    tasks = daemon.log[before:].count("tack for <Task")
    targets = _descriptors(daemon.pid)
    over_tcp = _tcp_sockets(daemon.pid)
    connections = sum(target in over_tcp for target in targets)
    return Usage(len(targets) - connections, connections, tasks)


def _descriptors(pid: int) -> list[str]:
    """Return what each open descriptor leads to; one that closes meanwhile is left out."""
    targets = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            targets.append(os.readlink(path))
    return targets


def _tcp_sockets(pid: int) -> set[str]:
    """Return the TCP sockets of a process' network namespace as descriptors show them."""
    lines = [
        line
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]
    ]
    return {f"socket:[{line.split()[9]}]" for line in lines}


def start(
    daemon: Daemon, method: str, target: str, headers: str = "", body: str = ""
) -> socket.socket:
    """Send a request and read nothing yet."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(str(daemon.socket))
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}{length}\r\n"
    client.sendall(head.encode() + body.encode())
    return client


@pytest.fixture(scope="module")
def talker(boxship: Cli, busybox: str) -> Iterator[str]:
    yield boxship("run", "-d", "-i", "--name", "talker", busybox, "sh", "-c", CHATTER)
    boxship("rm", "-f", "talker")


def _returns_to(daemon: Daemon, before: Usage) -> None:
    wait_until(
        lambda: usage(daemon).within(before), lambda: f"before {before}, now {usage(daemon)}"
    )


UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
Begin = Callable[[Daemon, str], socket.socket]


def _exec(daemon: Daemon, container: str) -> socket.socket:
    request = {"Cmd": ["cat"], "AttachStdin": True, "AttachStdout": True}
    status, made = daemon.request("POST", f"/containers/{container}/exec", request)
    assert status == 201
    return start(daemon, "POST", f"/exec/{made['Id']}/start", UPGRADE, '{"Detach":false}')


BEGINNINGS: dict[str, Begin] = {
    "attach": lambda d, c: start(
        d, "POST", f"/containers/{c}/attach?stream=1&stdin=1&stdout=1&logs=1", UPGRADE
    ),
    "websocket": lambda d, c: start(
        d,
        "GET",
        f"/containers/{c}/attach/ws?stream=1&stdout=1",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    ),
    "logs": lambda d, c: start(d, "GET", f"/containers/{c}/logs?follow=1&stdout=1"),
    "stats": lambda d, c: start(d, "GET", f"/containers/{c}/stats"),
    "wait": lambda d, c: start(d, "POST", f"/containers/{c}/wait"),
    "events": lambda d, _: start(d, "GET", "/events"),
    "pull": lambda d, _: start(d, "POST", BUSYBOX_PULL),
    "exec": _exec,
    "export": lambda d, c: start(d, "GET", f"/containers/{c}/export"),
    "half a request": lambda d, c: start(
        d, "POST", f"/containers/create?name={c}x", "Content-Length: 100\r\n"
    ),
}


def _leave(client: socket.socket, chance: random.Random) -> None:
    """Go away: at once, after a while, or with data unread, which resets the connection."""
    if chance.random() < 0.7:
        select.select([client], [], [], chance.uniform(0, 0.05))
        if chance.random() < 0.5:
            client.setblocking(False)
            try:
                client.recv(chance.choice([1, 4096]))
            except BlockingIOError:
                pass
    client.close()


@pytest.mark.parametrize("what", BEGINNINGS)
def test_a_client_leaves(daemon: Daemon, talker: str, what: str) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    begin = BEGINNINGS[what]
    for client in [begin(daemon, talker) for _ in range(TIMES)]:
        client.close()  # a first time: what is opened once and kept is there
    wait_until(lambda: usage(daemon).tasks <= IDLE_TASKS)
    before = usage(daemon)
    for _ in range(TIMES):
        _leave(begin(daemon, talker), chance)
    together = [begin(daemon, talker) for _ in range(TIMES)]
    for client in together:
        _leave(client, chance)
    _returns_to(daemon, before)
    assert daemon.get(f"/containers/{talker}/json")["State"]["Running"]


def test_a_client_that_does_not_read_holds_nobody_up(daemon: Daemon, talker: str) -> None:
    before = usage(daemon)
    lazy = [
        start(daemon, "POST", f"/containers/{talker}/attach?stream=1&stdout=1", UPGRADE),
        start(daemon, "GET", f"/containers/{talker}/logs?follow=1&stdout=1"),
        start(daemon, "GET", "/events"),
    ]
    with start(daemon, "GET", f"/containers/{talker}/logs?follow=1&stdout=1&tail=0") as eager:
        seen = b""
        while seen.count(b"chatter") < 20:
            seen += eager.recv(4096)
    for client in lazy:
        client.close()
    _returns_to(daemon, before)


def test_many_leave_while_their_container_goes(daemon: Daemon, boxship: Cli, busybox: str) -> None:
    before = usage(daemon)
    for number in range(4):
        name = f"short{number}"
        boxship("run", "-d", "-i", "--name", name, busybox, "sh", "-c", CHATTER)
        verbs = ("attach", "logs", "stats", "wait", "exec")
        clients = [BEGINNINGS[verb](daemon, name) for verb in verbs]
        leaving = threading.Thread(target=lambda cs=clients: [client.close() for client in cs])
        leaving.start()
        boxship("rm", "-f", name)
        leaving.join()
    _returns_to(daemon, before)
