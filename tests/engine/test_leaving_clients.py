"""Clients that go away in the middle of something: nothing of them may stay in the daemon."""

import random
import select
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.cli import Cli
from tests.support.daemon import Daemon
from tests.support.usage import returns_to, usage
from tests.support.waiting import wait_until

TIMES = 12
IDLE_TASKS = 8
"""More than a daemon with one container has when nobody asks anything."""
CHATTER = "while :; do echo chatter; usleep 20000; done"
BUSYBOX_PULL = "/images/create?fromImage=busybox&tag=latest"


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
    returns_to(daemon, before)
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
    returns_to(daemon, before)


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
    returns_to(daemon, before)
