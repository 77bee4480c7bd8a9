"""The driver ``json-file``: Docker's own format on disk, for programs that collect such files."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from isal import isal_zlib

from boxship.engine.logs.drivers.driver import LogInfo, extra_attributes, parse_bool, tag_of
from boxship.engine.logs.limits import log_limits
from boxship.engine.logs.line import LogRecord
from boxship.errors import InvalidParameterError
from boxship.units import format_timestamp_ns

OPTIONS = frozenset({"compress"})
PIECE_SIZE = 16 * 1024
"""Bytes of a line in one entry: what Docker's copier reads at once."""
_CHUNK = 1 << 20
_GZIP_WINDOW = 31
"""zlib's window bits for a gzip header with checksum."""


class _Entry(msgspec.Struct, omit_defaults=True):
    log: str
    stream: str
    attrs: dict[str, str] | None = None
    time: str = ""


def check(options: Mapping[str, str]) -> None:
    """Raise InvalidParameterError for options that contradict each other."""
    if parse_bool(options, "compress") and options.get("max-file") == "1":
        raise InvalidParameterError("compress cannot be true when max-file is less than 2")


def path_of(directory: str, container_id: str) -> Path:
    """Return the file's path, named as Docker does."""
    return Path(directory) / f"{container_id}-json.log"


class JsonFile:
    """Writes entries, and keeps the files within their size."""

    def __init__(self, info: LogInfo) -> None:
        self._path = path_of(info.directory, info.container_id)
        self._limits = log_limits(info.options)
        self._compress = parse_bool(info.options, "compress")
        self._attrs = extra_attributes(info) or None
        if "tag" in info.options:
            self._attrs = {**(self._attrs or {}), "tag": tag_of(info)}
        self._encoder = msgspec.json.Encoder()
        self._file = _Writer(self._path)

    def write(self, records: Sequence[LogRecord]) -> None:
        """Append records, and go on in a new file past the size. [blocking]"""
        lines = [line for record in records for line in self._entries(record)]
        self._file.write(b"\n".join([*lines, b""]))
        if self._limits.max_bytes and self._file.tell() > self._limits.max_bytes:
            self._rotate()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _entries(self, record: LogRecord) -> list[bytes]:
        time = format_timestamp_ns(record.time_ns)
        data = record.data
        pieces = [data[at : at + PIECE_SIZE] for at in range(0, len(data), PIECE_SIZE)] or [b""]
        return [
            self._encoder.encode(
                _Entry(piece.decode("utf-8", "replace"), record.stream, self._attrs, time)
            )
            for piece in pieces
        ]

    def _rotate(self) -> None:
        self._file.close()
        keep = self._limits.max_files - 1
        for number in range(keep, 0, -1):
            self._shift(number, keep)
        if keep:
            self._path.rename(self._rotated(1))
            if self._compress:
                _gzip(self._rotated(1))
        else:
            self._path.unlink()
        self._file = _Writer(self._path)

    def _shift(self, number: int, keep: int) -> None:
        for suffix in ("", ".gz"):
            old = self._rotated(number, suffix)
            if old.exists():
                if number == keep:
                    old.unlink()
                else:
                    old.rename(self._rotated(number + 1, suffix))

    def _rotated(self, number: int, suffix: str = "") -> Path:
        return self._path.with_name(f"{self._path.name}.{number}{suffix}")


class _Writer:
    """A file that only grows; one write call for each batch."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o640)

    def write(self, data: bytes) -> None:
        """Append all of it. Raises OSError."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def tell(self) -> int:
        """Return the file's size."""
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


def _gzip(path: Path) -> None:
    packer = isal_zlib.compressobj(isal_zlib.ISAL_BEST_SPEED, wbits=_GZIP_WINDOW)
    with path.open("rb") as plain, open(f"{path}.gz", "wb") as packed:
        while chunk := plain.read(_CHUNK):
            packed.write(packer.compress(chunk))
        packed.write(packer.flush())
    path.unlink()
