"""Reading tar archives as streams of chunks, without any IO of its own.

Written for layers: names stay bytes, nothing is sought, and a member's data is handed on as views
of the chunks it came in.
"""

from collections.abc import Iterable, Iterator

from boxship.engine.storage.errors import CorruptLayerError
from boxship.engine.storage.layers import entry as types
from boxship.engine.storage.layers.entry import Entry
from boxship.engine.storage.layers.header import (
    BLOCK,
    ZERO_BLOCK,
    parse_header,
    parse_old_sparse,
    parse_sparse_runs,
)
from boxship.engine.storage.layers.pax import Records, apply_records, parse_records, parse_runs

MAX_EXTENSION = 1 << 20
"""Bytes of one extended header or long name; honest ones are far smaller."""
MAX_GLOBAL_RECORDS = 1000
_EXTENSIONS = frozenset(
    {types.GNU_LONG_NAME, types.GNU_LONG_LINK, types.PAX_HEADER, types.PAX_GLOBAL}
)
_WITHOUT_DATA = frozenset(
    {types.HARD_LINK, types.SYMLINK, types.CHAR_DEVICE, types.BLOCK_DEVICE, types.DIRECTORY}
    | {types.FIFO}
)


class TarReader:
    """Iterate it for entries; take ``data()`` of one before going on, or it is skipped."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._chunk = b""
        self._position = 0
        self._left = 0  # bytes of the current member's data that were not taken yet
        self._padding = 0
        self._global: Records = []

    def __iter__(self) -> Iterator[Entry]:
        """Yield entries up to the end-of-archive mark or the end of the stream.

        Raises CorruptLayerError for a stream that is no tar archive or breaks off.
        """
        while (header := self._next_header()) is not None:
            yield header

    def data(self) -> Iterator[memoryview]:
        """Yield what is left of the current entry's data."""
        while self._left:
            if self._position == len(self._chunk):
                self._refill()
            end = min(len(self._chunk), self._position + self._left)
            view = memoryview(self._chunk)[self._position : end]
            self._left -= end - self._position
            self._position = end
            yield view

    def whole_data(self) -> memoryview | None:
        """Return the current entry's data if all of it is at hand already, else None."""
        end = self._position + self._left
        if end > len(self._chunk):
            return None
        view = memoryview(self._chunk)[self._position : end]
        self._position = end
        self._left = 0
        return view

    def drain(self) -> None:
        """Read the stream to its end: bytes behind the archive belong to its digest."""
        self._position = len(self._chunk)
        for _ in self._chunks:
            pass

    def _next_header(self) -> Entry | None:
        self._skip(self._left + self._padding)
        records: Records = []
        long_name = long_link = b""
        while True:
            block = self._block()
            if block is None or block == ZERO_BLOCK:
                if records or long_name or long_link:
                    raise CorruptLayerError("invalid tar archive: it ends in an extended header")
                return None
            header = parse_header(block)
            if header.type not in _EXTENSIONS:
                break
            body = self._extension(header.size)
            if header.type == types.PAX_HEADER:
                records = parse_records(body)
            elif header.type == types.PAX_GLOBAL:
                self._add_global(parse_records(body))
            elif header.type == types.GNU_LONG_NAME:
                long_name = body.rstrip(b"\0")
            else:
                long_link = body.rstrip(b"\0")
        self._complete(header, block, self._global + records, long_name, long_link)
        return header

    def _add_global(self, records: Records) -> None:
        self._global = list((dict(self._global) | dict(records)).items())
        if len(self._global) > MAX_GLOBAL_RECORDS:
            raise CorruptLayerError("invalid tar archive: too many global pax records")

    def _complete(
        self, header: Entry, block: bytes, records: Records, long_name: bytes, long_link: bytes
    ) -> None:
        """Apply extensions, and set up reading of the data."""
        if long_name:
            header.name = long_name
        if long_link:
            header.link = long_link
        if header.type == types.CONTIGUOUS:
            header.type = types.FILE
        if records:
            apply_records(header, records)
        if header.type in _WITHOUT_DATA:
            header.size = 0
        if header.type == types.GNU_SPARSE:
            self._read_old_sparse(header, block)
        self._left = header.size
        self._padding = -header.size % BLOCK
        if header.sparse is not None:
            if not header.sparse:
                self._read_sparse_map(header)
            _check_sparse(header, self._left)

    def _block(self) -> bytes | None:
        """Return the next 512 bytes; None at the end of the stream."""
        start = self._position
        end = start + BLOCK
        if end <= len(self._chunk):
            self._position = end
            return self._chunk[start:end]
        block = self._take(BLOCK, allow_end=True)
        return block or None

    def _take(self, size: int, *, allow_end: bool = False) -> bytes:
        """Return exactly ``size`` bytes (or none, at the end, if that is allowed)."""
        parts = []
        missing = size
        while missing:
            if self._position == len(self._chunk):
                chunk = next(self._chunks, None)
                if chunk is None and allow_end and missing == size:
                    return b""
                self._set(chunk)
                continue
            part = self._chunk[self._position : self._position + missing]
            self._position += len(part)
            missing -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _skip(self, size: int) -> None:
        while size > len(self._chunk) - self._position:
            size -= len(self._chunk) - self._position
            self._refill()
        self._position += size
        self._left = self._padding = 0

    def _refill(self) -> None:
        self._set(next(self._chunks, None))

    def _set(self, chunk: bytes | None) -> None:
        if chunk is None:
            raise CorruptLayerError("unexpected end of the tar archive: it was cut off")
        self._chunk = chunk
        self._position = 0

    def _extension(self, size: int) -> bytes:
        if size > MAX_EXTENSION:
            raise CorruptLayerError(f"invalid tar archive: an extended header of {size} bytes")
        body = self._take(size)
        self._skip(-size % BLOCK)
        return body

    def _read_old_sparse(self, header: Entry, block: bytes) -> None:
        runs, extended, real_size = parse_old_sparse(block)
        while extended:
            more = self._take(BLOCK)
            runs += parse_sparse_runs(more, 0, 21)
            extended = more[504] != 0
            if len(runs) > MAX_EXTENSION:
                raise CorruptLayerError("invalid tar archive: endless sparse map")
        header.type = types.FILE
        header.sparse = runs or [(0, 0)]
        header.real_size = real_size

    def _read_sparse_map(self, header: Entry) -> None:
        """Sparse format 1.0: decimal lines at the start of the data, padded to a block."""
        rest = b""
        numbers: list[int] = []
        wanted = 1
        while len(numbers) < wanted:
            if self._left < BLOCK or wanted > MAX_EXTENSION:
                raise CorruptLayerError("invalid sparse file map")
            *lines, rest = (rest + self._take(BLOCK)).split(b"\n")
            self._left -= BLOCK
            numbers += _numbers(lines)
            if numbers:
                wanted = 1 + 2 * numbers[0]
        header.sparse = parse_runs(numbers[1:wanted]) or [(0, 0)]


def _numbers(lines: list[bytes]) -> list[int]:
    numbers = []
    for line in lines:
        if not line.isdigit() or len(line) > 20:
            raise CorruptLayerError("invalid sparse file map")
        numbers.append(int(line))
    return numbers


def _check_sparse(header: Entry, size: int) -> None:
    """Runs must rise, fit into the file and be as long as the data."""
    position = total = 0
    for offset, length in header.sparse or ():
        if offset < position or offset + length > header.real_size:
            raise CorruptLayerError(f"invalid sparse file map of {header.name!r}")
        position = offset + length
        total += length
    if total != size:
        raise CorruptLayerError(f"invalid sparse file map of {header.name!r}")
