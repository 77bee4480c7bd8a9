"""Asking the host's name servers on behalf of a container."""

import asyncio
import socket
import struct
from collections.abc import Sequence

from boxship.engine.networks.dnscache import AnswerCache
from boxship.wire import dns

_PORT = 53
_TIMEOUT_S = 2.0
"""Per server; stock resolvers wait 5 s in all and then ask again."""
_MAX_UNDER_WAY = 512
_DATAGRAM_SIZE = 65535


class DnsForwarder:
    """Asks servers in turn until one answers. Bounded: a flood is refused, not queued."""

    def __init__(self) -> None:
        self._under_way = 0
        self._cache = AnswerCache()

    def known(
        self, servers: Sequence[str], query: dns.Query, data: bytes, *, tcp: bool
    ) -> bytes | None:
        """Return an answer that was given before and is still good."""
        return self._cache.find(servers, query, data, tcp=tcp)

    async def ask(
        self, servers: Sequence[str], query: dns.Query, data: bytes, *, tcp: bool
    ) -> bytes | None:
        """Return the first server's answer; None when nobody answers, or too much is under way."""
        if self._under_way >= _MAX_UNDER_WAY:
            return None
        self._under_way += 1
        try:
            for server in servers:
                try:
                    async with asyncio.timeout(_TIMEOUT_S):
                        ask = _ask_tcp if tcp else _ask_udp
                        answer = await ask(server, query, data)
                        self._cache.keep(servers, query, data, answer, tcp=tcp)
                        return answer
                except (OSError, EOFError, TimeoutError):
                    continue
            return None
        finally:
            self._under_way -= 1


async def _ask_udp(server: str, query: dns.Query, data: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        # Connected, so that only this server can answer and a closed port is told at once.
        sock.connect((server, _PORT))
        sock.send(data)
        while True:
            answer = await loop.sock_recv(sock, _DATAGRAM_SIZE)
            if dns.is_answer_to(query, answer):
                return answer


async def _ask_tcp(server: str, query: dns.Query, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(server, _PORT)
    try:
        writer.write(struct.pack("!H", len(data)) + data)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answer = await reader.readexactly(length)
    finally:
        writer.close()
    if not dns.is_answer_to(query, answer):
        raise OSError("answer to another question")
    return answer
