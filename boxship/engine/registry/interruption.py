"""Waking a thread that is stuck in a request: sending it, or waiting for its answer.

Imports urllib3, hence only imported with the first request.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.registry.errors import UnreachableError

_here = threading.local()


class _Exchange:
    """What a thread is doing: the connection of the request that it waits for, if any."""

    def __init__(self) -> None:
        self.connection: HTTPConnection | None = None
        self.is_over = False

    def wake(self) -> None:
        """Let whoever reads or writes the socket, or is about to, fail at once."""
        self.is_over = True
        connection = self.connection
        stream = connection.sock if connection is not None else None
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


def _note(connection: HTTPConnection | None) -> None:
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
    def connect(self) -> None:
        _note(self)
        super().connect()
        _note(self)  # there was no socket to shut down before

    def request(self, *args: Any, **options: Any) -> None:
        _note(self)
        super().request(*args, **options)


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        _note(self)
        super().connect()
        _note(self)  # there was no socket to shut down before

    def request(self, *args: Any, **options: Any) -> None:
        _note(self)
        super().request(*args, **options)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def interruptible_pools() -> dict[str, type[HTTPConnectionPool]]:
    """Return the pool classes for a urllib3 manager, by scheme."""
    return {"http": _PlainPool, "https": _TlsPool}
