"""The port holder: keeps published ports reserved, and carries what the kernel cannot forward.

One process per engine, in a session of its own: it lives on when the daemon is killed. The daemon
binds the ports, so that it can say who holds one, and passes the sockets here. Packets to a
published port are translated by the kernel long before they reach these sockets; what arrives all
the same (``[::1]``, IPv6 to a container that has none, everything when somebody has flushed the
rules) is proxied to the container.

Started as ``python -I -S portd.py SOCKET``: the standard library only, and little of it. Detaches
once it listens, so the starter waits for its exit, with status 0.

Protocol: text datagrams over a unix SOCK_SEQPACKET socket, fields separated by tabs, one answer to
each request. ``hold`` followed by lines of key, protocol, container address and port, with a bound
socket for each; ``aim`` followed by lines of key, container address and port, for connections to
come; ``release`` followed by lines with a key each; ``list`` and a number n. The answer is the
process id, followed after ``list`` by lines with the keys held, from the n-th on, at most 200. It
ends when it holds nothing and no daemon is connected.
"""

import os
import resource
import select
import socket
import sys
import time
from collections.abc import Callable

MAX_DATAGRAM = 64 * 1024
MAX_SOCKETS = 100
LIST_CHUNK = 200
CHUNK = 64 * 1024
UDP_IDLE_S = 90.0
UDP_FLOWS_LIMIT = 1024
CONNECTIONS_SHARE = 4
"""Proxied connections may take one in so many descriptors; further ones are closed at once."""
CONNECT_TIMEOUT_S = 30.0

Address = tuple[str, int]


class Loop:
    """epoll with a callback per descriptor."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.callbacks: dict[int, Callable[[], None]] = {}
        self.connections = 0

    def watch(self, sock: socket.socket, events: int, callback: Callable[[], None]) -> None:
        """Call ``callback`` when ``sock`` is ready for ``events``, until told otherwise."""
        fd = sock.fileno()
        if fd in self.callbacks:
            self.epoll.modify(fd, events)
        else:
            self.epoll.register(fd, events)
        self.callbacks[fd] = callback

    def unwatch(self, sock: socket.socket) -> None:
        """Stop watching; a socket without wanted events would still report a hang-up for ever."""
        fd = sock.fileno()
        if self.callbacks.pop(fd, None) is not None:
            self.epoll.unregister(fd)

    def close(self, sock: socket.socket) -> None:
        """Stop watching a socket and close it."""
        self.unwatch(sock)
        sock.close()

    def step(self, timeout_s: float) -> None:
        """Wait once and run what is ready. A spurious call finds its socket not ready."""
        for fd, _events in self.epoll.poll(timeout_s):
            callback = self.callbacks.get(fd)
            if callback is not None:
                callback()


class Direction:
    """One half of a proxied connection: bytes from ``source`` on their way to ``sink``."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.pending = b""
        self.ended = False

    def read(self) -> None:
        """Take what has come; nothing means that the peer has ended its side."""
        try:
            self.pending = self.source.recv(CHUNK)
        except BlockingIOError:
            return
        if not self.pending:
            self.ended = True
            self.sink.shutdown(socket.SHUT_WR)
        else:
            self.write()

    def write(self) -> None:
        """Pass on as much as the sink takes."""
        try:
            sent = self.sink.send(self.pending)
        except BlockingIOError:
            return
        self.pending = self.pending[sent:]


class TcpConnection:
    """A proxied connection. Half-close is passed on; an error ends both sides."""

    def __init__(self, loop: Loop, client: socket.socket, target: Address) -> None:
        self.loop = loop
        self.client = client
        self.server = socket.socket(family_of(target[0]), socket.SOCK_STREAM)
        self.up = Direction(client, self.server)
        self.down = Direction(self.server, client)
        for sock in (self.client, self.server):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop.connections += 1
        try:
            self.server.connect(target)
        except BlockingIOError:
            loop.watch(self.server, select.EPOLLOUT, self.connected)
        except OSError:
            self.close()

    def connected(self) -> None:
        """The connection to the container stands, or not."""
        if self.server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.close()
        else:
            self.rearm()

    def ready(self) -> None:
        """Move bytes, either way."""
        try:
            for direction in (self.up, self.down):
                if direction.pending:
                    direction.write()
                elif not direction.ended:
                    direction.read()
        except OSError:
            self.close()
            return
        if self.up.ended and self.down.ended:
            self.close()
        else:
            self.rearm()

    def rearm(self) -> None:
        """Watch for what is needed next: room at the sink, else bytes from the source."""
        wanted = {self.client: 0, self.server: 0}
        for direction in (self.up, self.down):
            if direction.pending:
                wanted[direction.sink] |= select.EPOLLOUT
            elif not direction.ended:
                wanted[direction.source] |= select.EPOLLIN
        for sock, events in wanted.items():
            if events:
                self.loop.watch(sock, events, self.ready)
            else:
                self.loop.unwatch(sock)

    def close(self) -> None:
        """End both sides."""
        self.loop.connections -= 1
        self.loop.close(self.client)
        self.loop.close(self.server)


class Port:
    """A held port. Of itself it only keeps others from binding it (SCTP)."""

    def __init__(self, loop: Loop, sock: socket.socket, target: Address) -> None:
        self.loop = loop
        self.sock = sock
        self.target = target

    def expire(self, now: float) -> None:
        """Forget what has been idle for too long."""

    def close(self) -> None:
        """Give the port back."""
        self.loop.close(self.sock)


class TcpPort(Port):
    """A held TCP port; connections go on after it is given back."""

    def __init__(self, loop: Loop, sock: socket.socket, target: Address) -> None:
        super().__init__(loop, sock, target)
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.limit = descriptors // (2 * CONNECTIONS_SHARE)
        loop.watch(sock, select.EPOLLIN, self.accept)

    def accept(self) -> None:
        """Proxy a new connection."""
        try:
            client, _ = self.sock.accept()
        except OSError:
            return
        if self.loop.connections >= self.limit:
            client.close()
        else:
            TcpConnection(self.loop, client, self.target)


class UdpPort(Port):
    """A held UDP port: a connected socket per client, forgotten when idle."""

    def __init__(self, loop: Loop, sock: socket.socket, target: Address) -> None:
        super().__init__(loop, sock, target)
        self.flows: dict[Address, socket.socket] = {}
        self.used: dict[Address, float] = {}
        loop.watch(sock, select.EPOLLIN, self.receive)

    def receive(self) -> None:
        """Pass a client's datagram on."""
        try:
            data, client = self.sock.recvfrom(CHUNK)
            server = self.flows.get(client) or self.open_flow(client)
            self.used[client] = time.monotonic()
            server.send(data)
        except OSError:
            return

    def open_flow(self, client: Address) -> socket.socket:
        """Connect to the container for a new client; the oldest flow gives way when full."""
        if len(self.flows) >= UDP_FLOWS_LIMIT:
            self.forget(min(self.used, key=lambda known: self.used[known]))
        server = socket.socket(family_of(self.target[0]), socket.SOCK_DGRAM)
        server.setblocking(False)
        server.connect(self.target)
        self.flows[client] = server
        self.used[client] = time.monotonic()

        def answer() -> None:
            try:
                self.sock.sendto(server.recv(CHUNK), client)
            except OSError:
                return

        self.loop.watch(server, select.EPOLLIN, answer)
        return server

    def forget(self, client: Address) -> None:
        """Close a client's flow."""
        del self.used[client]
        self.loop.close(self.flows.pop(client))

    def expire(self, now: float) -> None:
        """Close idle flows."""
        for client in [c for c, used in self.used.items() if used < now - UDP_IDLE_S]:
            self.forget(client)

    def close(self) -> None:
        """Give the port back and end its flows."""
        for client in list(self.flows):
            self.forget(client)
        super().close()


KINDS: dict[str, type[Port]] = {"tcp": TcpPort, "udp": UdpPort, "sctp": Port}


class PortHolder:
    """All held ports, and the daemons that steer them."""

    def __init__(self, listener: socket.socket) -> None:
        self.loop = Loop()
        self.listener = listener
        self.ports: dict[str, Port] = {}
        self.daemons = 0
        self.loop.watch(listener, select.EPOLLIN, self.accept)

    def run(self) -> None:
        """Serve until there is nothing to hold and nobody to serve; the starter comes at once."""
        self.loop.step(CONNECT_TIMEOUT_S)
        expired = time.monotonic()
        while self.daemons or self.ports:
            self.loop.step(UDP_IDLE_S)
            now = time.monotonic()
            if now - expired > UDP_IDLE_S / 2:
                expired = now
                for port in self.ports.values():
                    port.expire(now)

    def accept(self) -> None:
        """Serve a daemon."""
        daemon, _ = self.listener.accept()
        self.daemons += 1
        self.loop.watch(daemon, select.EPOLLIN, lambda: self.serve(daemon))

    def serve(self, daemon: socket.socket) -> None:
        """Answer one request; at its end forget the daemon, and keep its ports."""
        try:
            data, fds, _, _ = socket.recv_fds(daemon, MAX_DATAGRAM, MAX_SOCKETS)
            if data:
                daemon.send(self.handle(data.decode(), fds).encode())
                return
        except OSError:
            pass
        self.loop.close(daemon)
        self.daemons -= 1

    def handle(self, request: str, fds: list[int]) -> str:
        """Carry out a request and return the answer."""
        head, *lines = request.split("\n")
        answer = [str(os.getpid())]
        if head == "hold":
            for line, fd in zip(lines, fds, strict=True):
                self.hold(line, socket.socket(fileno=fd))
        elif head == "aim":
            for line in lines:
                self.aim(line)
        elif head == "release":
            for key in lines:
                self.release(key)
        else:
            start = int(head.removeprefix("list\t"))
            answer += sorted(self.ports)[start : start + LIST_CHUNK]
        return "\n".join(answer)

    def hold(self, line: str, sock: socket.socket) -> None:
        """Take over a bound socket."""
        key, protocol, address, port = line.split("\t")
        self.release(key)
        sock.setblocking(False)
        self.ports[key] = KINDS[protocol](self.loop, sock, (address, int(port)))

    def aim(self, line: str) -> None:
        """Send a port's further connections elsewhere, if it is held."""
        key, address, port = line.split("\t")
        if key in self.ports:
            self.ports[key].target = (address, int(port))

    def release(self, key: str) -> None:
        """Give a port back, if it is held."""
        held = self.ports.pop(key, None)
        if held is not None:
            held.close()


def family_of(address: str) -> socket.AddressFamily:
    """Return the address family of a literal address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(path: str) -> socket.socket:
    """Listen at ``path``, in place of a socket that nobody serves any more."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    temporary = f"{path}.{os.getpid()}"
    os.umask(0o177)
    listener.bind(temporary)
    listener.listen(8)
    listener.setblocking(False)
    os.rename(temporary, path)
    return listener


def detach() -> None:
    """Let the starter go on: leave its process, session, directory and streams."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)


def main(arguments: list[str]) -> int:
    """Listen, detach, serve."""
    (path,) = arguments
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = listen(path)
    detach()
    PortHolder(listener).run()
    try:
        os.unlink(path)
    except OSError:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
