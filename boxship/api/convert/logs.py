"""Log records as bytes for a client: timestamps, details, frames."""

from collections.abc import Iterable
from typing import Final

from boxship.engine.logs.reader import LogRecord
from boxship.units import SECOND, format_timestamp_ns
from boxship.wire import stdcopy

_STREAM_NUMBER: Final = {"stdout": stdcopy.STDOUT, "stderr": stdcopy.STDERR}


class LogEncoder:
    """Encodes the records of one log in order."""

    def __init__(self, *, framed: bool, timestamps: bool, details: bool) -> None:
        """``framed``: tell stdout from stderr by stdcopy frames, which terminals never have."""
        self._framed = framed
        self._timestamps = timestamps
        self._details = details
        self._in_line: set[str] = set()

    def encode(self, records: Iterable[LogRecord]) -> bytes:
        """Return the bytes for some records."""
        return b"".join(self._encode_one(record) for record in records)

    def _encode_one(self, record: LogRecord) -> bytes:
        data = record.data
        if record.stream not in self._in_line:
            data = self._prefix(record) + data
        if record.partial:
            self._in_line.add(record.stream)
        else:
            self._in_line.discard(record.stream)
        if not self._framed:
            return data
        return stdcopy.encode(_STREAM_NUMBER[record.stream], data)

    def _prefix(self, record: LogRecord) -> bytes:
        """What stands before a line: its time with all nine digits, and its (empty) details."""
        stamp = f"{log_timestamp(record.time_ns)} " if self._timestamps else ""
        return f"{stamp}{' ' if self._details else ''}".encode()


def log_timestamp(ns: int) -> str:
    """Write RFC 3339 with all nine digits, so that lines align."""
    whole = format_timestamp_ns(ns // SECOND * SECOND)
    return f"{whole.removesuffix('Z')}.{ns % SECOND:09d}Z"
