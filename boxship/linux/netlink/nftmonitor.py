"""Hearing of changes of the packet filter (linux/netfilter/nf_tables.h, NFNLGRP_NFTABLES)."""

import socket
from dataclasses import dataclass, field
from enum import Enum

from boxship.linux.netlink.message import Message, parse_attributes, parse_messages, parse_text

_NETLINK_NETFILTER = 12
_SOL_NETLINK = 270
_ADD_MEMBERSHIP = 1
_GROUP_NFTABLES = 7
_SUBSYSTEM_NFTABLES = 10
_FAMILY_HEADER = 4
"""Bytes of struct nfgenmsg before the attributes."""
_TABLE_NAME = 1
"""The first attribute of tables, chains, rules, sets and elements alike names the table."""
_RECEIVE_SIZE = 256 * 1024
_NEW_RULE, _DELETE_RULE, _NEW_GENERATION = 6, 8, 15
_DELETE_TABLE, _DELETE_CHAIN, _DELETE_SET, _DELETE_ELEMENT = 2, 5, 11, 14
_LOSSES = (_DELETE_TABLE, _DELETE_CHAIN, _DELETE_SET, _DELETE_ELEMENT)


class Change(Enum):
    """What happened to a table."""

    RULES = "rules"
    """Rules came or went."""
    LOSS = "loss"
    """The table itself, chains, sets or elements went."""


@dataclass(slots=True)
class Generation:
    """One transaction of somebody: what it did to which table."""

    changes: set[tuple[str, Change]] = field(default_factory=set)


class NftMonitor:
    """Listens in the network namespace in which it is made."""

    def __init__(self) -> None:
        """Raise OSError where the kernel has no nftables."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)
        self._socket.bind((0, 0))
        self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP_NFTABLES)
        self._current = Generation()

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is something to :meth:`drain`."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def drain(self) -> list[Generation] | None:
        """Return the transactions since the last call; None when some were missed."""
        generations: list[Generation] = []
        while True:
            try:
                data = self._socket.recv(_RECEIVE_SIZE)
            except BlockingIOError:
                return generations
            except OSError:
                # ENOBUFS: there were more than the kernel keeps.
                return None
            for message in parse_messages(data):
                self._take(message, generations)

    def _take(self, message: Message, generations: list[Generation]) -> None:
        subsystem, kind = message.type >> 8, message.type & 0xFF
        if subsystem != _SUBSYSTEM_NFTABLES:
            return
        if kind == _NEW_GENERATION:
            generations.append(self._current)
            self._current = Generation()
        elif kind in (_NEW_RULE, _DELETE_RULE, *_LOSSES):
            found = parse_attributes(message.body[_FAMILY_HEADER:])
            change = Change.LOSS if kind in _LOSSES else Change.RULES
            self._current.changes.add((parse_text(found.get(_TABLE_NAME, b"")), change))
