"""A routing socket: sends batches of requests and reads their answers."""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from types import TracebackType

from boxship.linux.netlink.message import (
    HEADER,
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    Message,
    Request,
    parse_messages,
)

NETLINK_ROUTE = 0
_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10
_NETLINK_GET_STRICT_CHK = 12
_RECEIVE_SIZE = 256 * 1024
_SIOCGIFINDEX = 0x8933
_TIMEOUT_S = 10.0


class NetlinkError(OSError):
    """The kernel refused a request; ``errno`` says why, ``index`` which one of the batch."""

    def __init__(self, code: int, what: str, index: int) -> None:
        super().__init__(code, f"cannot {what}: {os.strerror(code)}")
        self.index = index


class RouteSocket:
    """Speaks rtnetlink in the network namespace in which it was opened, wherever it is used."""

    def __init__(self, protocol: int = NETLINK_ROUTE) -> None:
        """``protocol`` is another netlink family for the modules that speak to it."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)
        self._socket.settimeout(_TIMEOUT_S)
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __enter__(self) -> "RouteSocket":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def request(self, requests: Sequence[Request]) -> None:
        """Send all requests in one message.

        The kernel carries out each of them in order, also those behind a refused one. Raises
        NetlinkError for the first that was refused, after all answers are in.
        """
        first = self._sequence + 1
        packet = b"".join(self._encode(request) for request in requests)
        self._socket.sendall(packet)
        refused: NetlinkError | None = None
        for message in self._receive(len(requests), first):
            code = -struct.unpack_from("=i", message.body)[0]
            if code and refused is None:
                index = message.sequence - first
                refused = NetlinkError(code, requests[index].what, index)
        if refused is not None:
            raise refused

    def dump(self, kind: int, body: bytes) -> list[Message]:
        """Return all objects that a dump request answers with.

        All are read before the caller sees the first: while a dump is read in part only, the
        kernel refuses the socket's next one with EBUSY.
        """
        return list(self._dump(kind, body))

    def _dump(self, kind: int, body: bytes) -> Iterator[Message]:
        self._sequence += 1
        sequence = self._sequence
        flags = NLM_F_REQUEST | NLM_F_DUMP
        length = HEADER.size + len(body)
        self._socket.sendall(HEADER.pack(length, kind, flags, sequence, 0) + body)
        while True:
            for message in parse_messages(self._socket.recv(_RECEIVE_SIZE)):
                if message.sequence != sequence:
                    continue
                if message.type == NLMSG_DONE:
                    return
                if message.type == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", message.body)[0]
                    raise NetlinkError(code, "list kernel objects", 0)
                yield message

    def link_index(self, name: str) -> int:
        """Return the index of a link by name, 0 when there is none."""
        try:
            answer = fcntl.ioctl(
                self._socket, _SIOCGIFINDEX, struct.pack("=16si12x", name.encode(), 0)
            )
        except OSError as error:
            if error.errno == errno.ENODEV:
                return 0
            raise
        index: int = struct.unpack_from("=16si", answer)[1]
        return index

    def _encode(self, request: Request) -> bytes:
        self._sequence += 1
        length = HEADER.size + len(request.body)
        flags = request.flags | NLM_F_REQUEST | NLM_F_ACK
        header = HEADER.pack(length, request.type, flags, self._sequence, 0)
        return header + request.body + bytes(-length % 4)

    def _receive(self, count: int, first: int) -> Iterator[Message]:
        """Yield the answers to ``count`` requests; what an earlier, broken call left is skipped."""
        while count:
            for message in parse_messages(self._socket.recv(_RECEIVE_SIZE)):
                if message.type == NLMSG_ERROR and message.sequence >= first:
                    count -= 1
                    yield message
