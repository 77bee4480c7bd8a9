"""Connections that nobody uses are closed; those in use are not."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from boxship.engine.config import RegistryConfig
from boxship.engine.registry.idle import IdleConnections
from boxship.engine.registry.transport import MAX_HOSTS, TimeLimits, Transport

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
PATIENCE = 20


class Server:
    """Answers requests; ``closed`` has an event for each connection that was accepted."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("", 0))
        self.port = self._listener.getsockname()[1]
        self.closed: list[threading.Event] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.closed.append(threading.Event())
            arguments = (connection, self.closed[-1])
            threading.Thread(target=self._serve, args=arguments, daemon=True).start()

    def _serve(self, connection: socket.socket, closed: threading.Event) -> None:
        with connection:
            while connection.recv(65536):
                connection.sendall(ANSWER)
        closed.set()

    def close(self) -> None:
        """Accept no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that keeps connections open."""
    made = Server()
    yield made
    made.close()


class Time:
    """A clock that is set by hand, and the timer that is running."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: tuple[float, Callable[[], None]] | None = None

    def __call__(self) -> float:
        return self.now

    def start(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Start the only timer."""
        assert self.due is None
        self.due = (self.now + seconds, action)
        return self.cancel

    def cancel(self) -> None:
        """Stop it."""
        self.due = None

    def ring(self) -> float:
        """Let the time come that the timer waits for."""
        assert self.due is not None
        (self.now, action), self.due = self.due, None
        action()
        return self.now


def ask(transport: Transport, server: Server, address: str = "127.0.0.1") -> None:
    transport.request("GET", f"http://{address}:{server.port}/v2/", headers={}).read()


def test_a_connection_is_used_again_until_it_is_old(server: Server) -> None:
    time = Time()
    idle = IdleConnections(30.0, clock=time, timer=time.start)
    transport = Transport(RegistryConfig(), idle=idle)
    ask(transport, server)
    time.now += 20
    ask(transport, server)
    assert len(server.closed) == 1
    assert time.ring() == 130.0  # it has rested for ten seconds only
    assert not server.closed[0].is_set()
    ask(transport, server)
    assert len(server.closed) == 1
    time.ring()
    assert not server.closed[0].is_set()
    assert time.ring() == 160.0
    assert server.closed[0].wait(PATIENCE)
    assert time.due is None, "nothing is open, nothing has to be looked after"
    ask(transport, server)
    assert len(server.closed) == 2


def test_by_the_real_clock(server: Server) -> None:
    transport = Transport(RegistryConfig(), limits=TimeLimits(idle=0.01))
    ask(transport, server)
    assert server.closed[0].wait(PATIENCE)


def test_a_connection_in_use_is_left_alone(server: Server) -> None:
    time = Time()
    idle = IdleConnections(30.0, clock=time, timer=time.start)
    transport = Transport(RegistryConfig(), idle=idle)
    url = f"http://127.0.0.1:{server.port}/v2/"
    ask(transport, server)
    answer = transport.request("GET", url, headers={})  # its body is not read yet
    assert time.ring() == 130.0
    assert answer.read() == b"{}"
    assert time.ring() == 160.0
    assert server.closed[0].wait(PATIENCE)
    assert len(server.closed) == 1


@pytest.mark.parametrize("end", ["close", "reconfigure"])
def test_nothing_stays_open_at_the_end(server: Server, end: str) -> None:
    time = Time()
    idle = IdleConnections(30.0, clock=time, timer=time.start)
    transport = Transport(RegistryConfig(), idle=idle)
    ask(transport, server)
    if end == "close":
        transport.close()
    else:
        transport.reconfigure(RegistryConfig())
    assert server.closed[0].wait(PATIENCE)
    assert time.due is None


def test_hosts_are_not_kept_without_limit(server: Server) -> None:
    """What the oldest one has open is closed in time nevertheless."""
    time = Time()
    idle = IdleConnections(30.0, clock=time, timer=time.start)
    transport = Transport(RegistryConfig(), idle=idle)
    for number in range(MAX_HOSTS + 1):
        ask(transport, server, f"127.0.0.{number + 1}")
    ask(transport, server, "127.0.0.2")
    assert len(server.closed) == MAX_HOSTS + 1, "the second one was kept"
    time.ring()
    assert all(closed.wait(PATIENCE) for closed in server.closed)
