"""The DNS server that containers on user-defined networks find at 127.0.0.11.

Its sockets are opened inside the container's namespace and served here. They have ports of their
own, and rules inside the namespace lead port 53 of that address to them: a container may run a DNS
server itself.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field

from boxship.engine.networks.dnsforward import DnsForwarder
from boxship.engine.networks.files import EMBEDDED_DNS
from boxship.engine.networks.names import NameDirectory
from boxship.engine.networks.sandbox import Sandbox
from boxship.linux.netns import NetworkNamespace, inside
from boxship.linux.nftables import Nftables
from boxship.wire import dns

logger = logging.getLogger(__name__)

_TTL_S = 600
"""Docker's; resolvers in containers do not cache."""
_BATCH = 64
_DATAGRAM_SIZE = 4096
_TCP_IDLE_S = 10.0
_TCP_LIMIT = 64
_MAX_PORT = 65535
_QUERIES_LIMIT = 128
"""Forwarded queries of one container under way; further ones are dropped, as by a full socket."""

_RULES = """
add table ip boxship_dns
delete table ip boxship_dns
table ip boxship_dns {{
  chain output {{
    type nat hook output priority -100; policy accept;
    ip daddr {address} udp dport 53 dnat to {address}:{udp}
    ip daddr {address} tcp dport 53 dnat to {address}:{tcp}
  }}
}}
"""


@dataclass(slots=True)
class Listener:
    """One container's server."""

    udp: socket.socket
    tcp: socket.socket
    sandbox: Callable[[], Sandbox]
    """The container's sandbox as it is now."""
    upstream: tuple[str, ...]
    """Servers for other names; none for a container that only has internal networks."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    connections: int = 0


def open_sockets(
    namespace: NetworkNamespace, defer: Callable[[Callable[[], None]], None]
) -> tuple[socket.socket, socket.socket]:
    """Open a container's UDP and TCP socket and lead port 53 to them [blocking, 1 ms].

    ``defer`` runs a function later in another thread: the kernel lets go of a context that has
    deleted something only after all processors have passed a quiescent state, some 15 ms.
    """
    with inside(namespace.fd):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            for sock in (udp, tcp):
                sock.setblocking(False)
                sock.bind((EMBEDDED_DNS, 0))
            tcp.listen()
            nftables = Nftables()
            try:
                ports = {"udp": udp.getsockname()[1], "tcp": tcp.getsockname()[1]}
                nftables.run(_RULES.format(address=EMBEDDED_DNS, **ports))
            finally:
                defer(nftables.close)
        except BaseException:
            udp.close()
            tcp.close()
            raise
    return udp, tcp


class DnsServer:
    """Serves all containers' sockets."""

    def __init__(self, directory: NameDirectory) -> None:
        self._directory = directory
        self._forwarder = DnsForwarder()
        self._listeners: dict[str, Listener] = {}

    def start(
        self,
        container_id: str,
        sockets: tuple[socket.socket, socket.socket],
        sandbox: Callable[[], Sandbox],
        upstream: tuple[str, ...],
    ) -> None:
        """Begin to answer on a container's sockets."""
        self.stop(container_id)
        listener = Listener(*sockets, sandbox, upstream)
        self._listeners[container_id] = listener
        loop = asyncio.get_running_loop()
        loop.add_reader(listener.udp, self._receive, listener)
        loop.add_reader(listener.tcp, self._accept, listener)

    def stop(self, container_id: str) -> None:
        """Close a container's sockets; one that has none is no error."""
        listener = self._listeners.pop(container_id, None)
        if listener is None:
            return
        loop = asyncio.get_running_loop()
        for sock in (listener.udp, listener.tcp):
            loop.remove_reader(sock)
            sock.close()
        for task in listener.tasks:
            task.cancel()

    def serves(self, container_id: str) -> bool:
        """Whether a container has a server."""
        return container_id in self._listeners

    def close(self) -> None:
        """Stop serving everybody."""
        for container_id in list(self._listeners):
            self.stop(container_id)

    def _receive(self, listener: Listener) -> None:
        for _ in range(_BATCH):
            try:
                data, client = listener.udp.recvfrom(_DATAGRAM_SIZE)
            except OSError:
                return
            try:
                query = dns.parse_query(data)
            except dns.DnsFormatError:
                continue
            answer = self._answer(listener, query, query.udp_limit)
            if answer is None:
                answer = self._forwarder.known(listener.upstream, query, data, tcp=False)
            if answer is not None:
                with suppress(OSError):
                    listener.udp.sendto(answer, client)
            elif len(listener.tasks) < _QUERIES_LIMIT:
                self._spawn(listener, self._forward_udp(listener, query, data, client))

    def _accept(self, listener: Listener) -> None:
        try:
            connection, _ = listener.tcp.accept()
        except OSError:
            return
        if listener.connections >= _TCP_LIMIT:
            connection.close()
            return
        connection.setblocking(False)
        self._spawn(listener, self._serve_tcp(listener, connection))

    def _spawn(self, listener: Listener, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        listener.tasks.add(task)
        task.add_done_callback(listener.tasks.discard)

    async def _forward_udp(
        self, listener: Listener, query: dns.Query, data: bytes, client: tuple[str, int]
    ) -> None:
        answer = await self._forward(listener, query, data, tcp=False)
        with suppress(OSError):
            listener.udp.sendto(answer, client)

    async def _serve_tcp(self, listener: Listener, connection: socket.socket) -> None:
        listener.connections += 1
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            async with asyncio.timeout(_TCP_IDLE_S):
                while True:
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    data = await reader.readexactly(length)
                    query = dns.parse_query(data)
                    answer = self._answer(listener, query, None)
                    if answer is None:
                        answer = await self._forward(listener, query, data, tcp=True)
                    writer.write(struct.pack("!H", len(answer)) + answer)
                    await writer.drain()
        except (OSError, EOFError, TimeoutError, dns.DnsFormatError):
            return
        finally:
            listener.connections -= 1
            writer.close()

    async def _forward(
        self, listener: Listener, query: dns.Query, data: bytes, *, tcp: bool
    ) -> bytes:
        known = self._forwarder.known(listener.upstream, query, data, tcp=tcp)
        answer = known or await self._forwarder.ask(listener.upstream, query, data, tcp=tcp)
        return answer or dns.encode_answer(query, dns.RCODE_SERVFAIL)

    def _answer(self, listener: Listener, query: dns.Query, limit: int | None) -> bytes | None:
        """Return what we know ourselves; None for what other servers must be asked."""
        if not query.is_standard:
            return dns.encode_answer(query, dns.RCODE_NOTIMP)
        sandbox = listener.sandbox()
        if query.type == dns.TYPE_PTR:
            name = self._directory.name(sandbox, dns.address_of_reverse_name(query.name))
            if name:
                record = dns.pointer_record(name, _TTL_S)
                return dns.encode_answer(query, dns.RCODE_NOERROR, [record], limit=limit)
        if query.type == dns.TYPE_SRV:
            services = self._services(sandbox, query.name)
            if services:
                return dns.encode_answer(query, dns.RCODE_NOERROR, services, limit=limit)
        version = 6 if query.type == dns.TYPE_AAAA else 4
        addresses = self._directory.addresses(sandbox, query.name, version)
        if addresses is not None:
            wanted = query.type in (dns.TYPE_A, dns.TYPE_AAAA, dns.TYPE_ANY)
            records = [dns.address_record(text, _TTL_S) for text in addresses if wanted]
            return dns.encode_answer(query, dns.RCODE_NOERROR, records, limit=limit)
        if "." not in query.name and query.name:
            return dns.encode_answer(query, dns.RCODE_NXDOMAIN)
        return None

    def _services(self, sandbox: Sandbox, name: str) -> list[dns.Record]:
        """Return where ``_http._tcp.web`` or ``_8080._tcp.web`` is: a record a container."""
        port, target = parse_service(name)
        if not port:
            return []
        found = [self._directory.addresses(sandbox, target, version) or () for version in (4, 6)]
        targets = {self._directory.name(sandbox, text): None for part in found for text in part}
        return [dns.service_record(port, known, _TTL_S) for known in targets if known]


def parse_service(name: str) -> tuple[int, str]:
    """Return the port and the container's name in the name of a service (RFC 2782).

    The port is a number or a name that the host knows (services(5)); 0 when it is neither.
    """
    service, _, rest = name.partition(".")
    protocol, _, target = rest.partition(".")
    if not service.startswith("_") or protocol not in ("_tcp", "_udp") or not target:
        return 0, ""
    if service[1:].isdecimal():
        port = int(service[1:])
        return (port if port <= _MAX_PORT else 0), target
    try:
        return socket.getservbyname(service[1:], protocol[1:]), target
    except OSError:
        return 0, ""
