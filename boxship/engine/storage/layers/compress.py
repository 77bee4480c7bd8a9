"""Compressing layers as gzip: fast, on several threads, the same bytes for the same input.

A layer becomes a row of gzip members (RFC 1952 section 2.2), each of a fixed share of the input,
so that they can be made side by side; every decoder reads them as one stream.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future

from isal import isal_zlib

MEMBER_SIZE = 1 << 20
"""Uncompressed bytes of one member."""
MEMBERS_AT_ONCE = 4
"""Members that are in memory, compressed or waiting for it."""
LEVEL = 1
_GZIP_WINDOW = 31
"""zlib's window bits for a gzip header with checksum."""


def compress(chunks: Iterable[bytes], executor: Executor) -> Iterator[bytes]:
    """Yield the gzip form of ``chunks``, made in the executor's threads. [blocking]"""
    pending: deque[Future[bytes]] = deque()
    for block in _blocks(chunks):
        pending.append(executor.submit(_member, block))
        if len(pending) >= MEMBERS_AT_ONCE:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _member(block: bytes) -> bytes:
    make: Callable[..., bytes] = isal_zlib.compress
    return make(block, LEVEL, _GZIP_WINDOW)


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream into members' shares; an empty stream has one, empty."""
    gathered = bytearray()
    is_empty = True
    for chunk in chunks:
        gathered += chunk
        while len(gathered) >= MEMBER_SIZE:
            is_empty = False
            yield bytes(gathered[:MEMBER_SIZE])
            del gathered[:MEMBER_SIZE]
    if gathered or is_empty:
        yield bytes(gathered)
