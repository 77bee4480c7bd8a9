"""Undoing the compression of a layer, found by its first bytes, in bounded memory."""

import bz2
import lzma
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, Protocol, cast

import zstandard
from isal import isal_zlib

from boxship.engine.storage.errors import CorruptLayerError

CHUNK = 1 << 20
"""Bytes of one piece of uncompressed data, at most."""
_XZ_MEMORY_LIMIT = 256 << 20
_ZSTD_MAX_WINDOW = 1 << 27
"""128 MiB, what the reference decoder allows too."""
_ZSTD_INPUT = 4096
"""Bytes given to the decoder at once: even a bomb makes no more than some MiB of them."""
_GZIP_WINDOW = 31
"""zlib's window bits for a gzip header with checksum."""
_GZIP_ERROR = cast(type[Exception], isal_zlib.IsalError)
"""Its stub says instance where the module has a class."""

Chunks = Iterable[bytes]


class _Decoder(Protocol):
    """The common shape of lzma's and bz2's decompressors."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def chunks_of(source: BinaryIO | Chunks) -> Iterator[bytes]:
    """Return the pieces of a file or of an iterable, empty ones left out."""
    read: Callable[[int], bytes] | None = getattr(source, "read", None)
    if read is None:
        return (chunk for chunk in source if chunk)
    return iter(lambda: read(CHUNK), b"")


def decompress(chunks: Chunks) -> Iterator[bytes]:
    """Yield the uncompressed data of gzip, zstd, xz, bzip2 or plain input.

    Raises CorruptLayerError for damaged or cut off data.
    """
    head, chunks = peek(iter(chunks))
    for magic, decoder in _DECODERS:
        if head.startswith(magic):
            return _guarded(decoder(chunks))
    return iter(chunks)


def compression_of(head: bytes) -> str:
    """Name the compression of data that begins with ``head``: gzip, zstd, xz, bzip2 or ''."""
    names = ("gzip", "zstd", "xz", "bzip2")
    for name, (magic, _) in zip(names, _DECODERS, strict=True):
        if head.startswith(magic):
            return name
    return ""


def peek(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, enough to tell the compression, and all chunks from the first on."""
    head = b""
    while len(head) < 6 and (chunk := next(chunks, b"")):
        head += chunk
    return head, chain((head,) if head else (), chunks)


def _gunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Members follow each other; zeros behind the last one are padding (gzip(1))."""
    decoder: Any = isal_zlib.decompressobj(_GZIP_WINDOW)
    for chunk in chunks:
        data = chunk
        while data:
            if decoder.eof:
                data = data.lstrip(b"\0")
                if not data:
                    break
                decoder = isal_zlib.decompressobj(_GZIP_WINDOW)
            piece = decoder.decompress(data, CHUNK)
            if piece:
                yield piece
            data = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    while not decoder.eof and (piece := decoder.decompress(decoder.unconsumed_tail, CHUNK)):
        yield piece
    if not decoder.eof:
        raise EOFError


def _unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Feed the decoder little at a time, since it does not bound what it gives back."""
    context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW)
    decoder = context.decompressobj()
    gathered = bytearray()
    for chunk in chunks:
        data = memoryview(chunk)
        while data:
            if decoder.eof:
                decoder = context.decompressobj()
            part, data = data[:_ZSTD_INPUT], data[_ZSTD_INPUT:]
            gathered += decoder.decompress(part)
            if decoder.eof and (rest := len(decoder.unused_data)):
                data = memoryview(chunk)[len(chunk) - len(data) - rest :]
            while len(gathered) >= CHUNK:
                yield bytes(gathered[:CHUNK])
                del gathered[:CHUNK]
    if gathered:
        yield bytes(gathered)
    if not decoder.eof:
        raise EOFError


def _unxz(chunks: Iterator[bytes]) -> Iterator[bytes]:
    return _members(chunks, lambda: lzma.LZMADecompressor(memlimit=_XZ_MEMORY_LIMIT))


def _unbzip2(chunks: Iterator[bytes]) -> Iterator[bytes]:
    return _members(chunks, bz2.BZ2Decompressor)


def _members(chunks: Iterator[bytes], new: Callable[[], _Decoder]) -> Iterator[bytes]:
    decoder = new()
    for chunk in chunks:
        data = chunk
        while data or not (decoder.needs_input or decoder.eof):
            if decoder.eof:
                data = data.lstrip(b"\0")
                if not data:
                    break
                decoder = new()
            if piece := decoder.decompress(data, CHUNK):
                yield piece
            data = decoder.unused_data if decoder.eof else b""
    if not decoder.eof:
        raise EOFError


def _guarded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except EOFError:
        raise CorruptLayerError("unexpected end of the compressed data: it was cut off") from None
    except (_GZIP_ERROR, zstandard.ZstdError, lzma.LZMAError, OSError, ValueError) as error:
        raise CorruptLayerError(f"the compressed data is damaged: {error}") from error


_DECODERS: tuple[tuple[bytes, Callable[[Iterator[bytes]], Iterator[bytes]]], ...] = (
    (b"\x1f\x8b\x08", _gunzip),
    (b"\x28\xb5\x2f\xfd", _unzstd),
    (b"\xfd7zXZ\0", _unxz),
    (b"BZh", _unbzip2),
)
