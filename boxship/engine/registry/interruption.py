"""Connections that can be woken, whose threads are stuck in a request, and that know their age.

Imports urllib3, hence only imported with the first request.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import BaseHTTPResponse

from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.registry.errors import UnreachableError
from boxship.engine.registry.idle import IdleConnections

_here = threading.local()


class _Exchange:
    """What a thread is doing: the connection of the request that it waits for, if any."""

    def __init__(self) -> None:
        self.connection: _PlainConnection | None = None
        self.is_over = False

    def wake(self) -> None:
        """Let whoever reads or writes the socket, or is about to, fail at once."""
        self.is_over = True
        connection = self.connection
        stream = connection.stream if connection is not None else None
        if stream is not None:
            with suppress(OSError):  # it is over already
                # Not SSLSocket's own shutdown: that would switch encryption off first.
                socket.socket.shutdown(stream, socket.SHUT_RDWR)


@contextmanager
def interruptible(cancellation: Cancellation) -> Iterator[None]:
    """End this thread's requests inside the block, wherever they are stuck, when cancelled.

    Raises TransferCancelledError then.
    """
    exchange = _Exchange()
    _here.exchange = exchange
    try:
        with cancellation.interrupting(exchange.wake):
            yield
    except UnreachableError:
        cancellation.check()
        raise
    finally:
        _here.exchange = None


@contextmanager
def reading(answer: BaseHTTPResponse) -> Iterator[None]:
    """Let the read of an answer's body in the block be woken, too."""
    _note(answer.connection)
    try:
        yield
    finally:
        _note(None)


def _note(connection: Any) -> None:
    exchange = getattr(_here, "exchange", None)
    if exchange is None:
        return
    exchange.connection = connection
    if exchange.is_over and connection is not None:
        raise ConnectionAbortedError("cancelled")


def forget_connection() -> None:
    """Say that this thread's request is answered: the connection may serve another one now."""
    _note(None)


class _PlainConnection(HTTPConnection):
    idle_since = 0.0
    """``IdleConnections.clock`` when the last answer was read."""
    stream: socket.socket | None = None
    """The socket, also once an answer that ends the connection has taken it over."""

    def connect(self) -> None:
        _note(self)
        super().connect()
        self.stream = self.sock
        _note(self)  # there was no socket to shut down before

    def request(self, *args: Any, **options: Any) -> None:
        _note(self)
        super().request(*args, **options)


class _TlsConnection(_PlainConnection, HTTPSConnection):
    """The same over TLS: what follows in the order of resolution connects."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection
    idle: IdleConnections

    def _put_conn(self, connection: Any) -> None:
        _put(self, super()._put_conn, connection)

    def close_idle(self, before: float) -> float | None:
        """See ``idle.Pool``."""
        return _close_idle(self, before)


class _TlsPool(_PlainPool, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def _put(pool: _PlainPool, keep: Callable[[Any], None], connection: Any) -> None:
    """Keep a connection for the next request, and note since when."""
    if connection is not None:
        connection.idle_since = pool.idle.clock()
    keep(connection)
    pool.idle.returned(pool)


def _close_idle(pool: _PlainPool, before: float) -> float | None:
    connections = pool.pool
    if connections is None:  # the pool is closed
        return None
    kept: list[_PlainConnection] = []
    with suppress(queue.Empty):
        while True:
            connection = connections.get(block=False)
            if connection is None:  # a place that was never taken
                continue
            if connection.idle_since <= before:
                connection.close()
            else:
                kept.append(connection)
    since = min((connection.idle_since for connection in kept), default=None)
    for connection in reversed(kept):  # the last one used comes first again
        HTTPConnectionPool._put_conn(pool, connection)
    return since


def interruptible_pools(idle: IdleConnections) -> dict[str, type[HTTPConnectionPool]]:
    """Return the pool classes for a urllib3 manager, by scheme."""
    return {
        "http": type("Pool", (_PlainPool,), {"idle": idle}),
        "https": type("Pool", (_TlsPool,), {"idle": idle}),
    }
