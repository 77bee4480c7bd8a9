"""The lines of conmon's ``k8s-file`` logs (Kubernetes' CRI log format).

``2006-01-02T15:04:05.000000000+00:00 stdout F text``: a time of 35 bytes, the stream, F for a whole
line or P for a part that was written without its line's end, and what the container wrote.
"""

from datetime import datetime
from typing import NamedTuple

STAMP_SIZE = 35
_STREAM_MARK = STAMP_SIZE + 4  # the fourth letter tells stdout from stderr
_FLAG = STAMP_SIZE + 8
DATA_START = STAMP_SIZE + 10
JOIN_LIMIT = 256 * 1024
"""Bytes of one line beyond which it is passed on in parts."""
_NS = 1_000_000_000


class LogRecord(NamedTuple):
    """A line that a container wrote."""

    time_ns: int
    """Nanoseconds since the epoch."""
    stream: str
    """``stdout`` or ``stderr``."""
    data: bytes
    """With its newline, unless it is partial."""
    partial: bool = False
    """Whether the line goes on in the next record of the same stream."""


class Selection(NamedTuple):
    """Which records are wanted."""

    since_ns: int = 0
    until_ns: int = 0
    """0: no limit."""
    stdout: bool = True
    stderr: bool = True


class Parser:
    """Turns blocks of a log into records; parts of a line are joined."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._rest = b""
        self._stamp = b""
        self._time_ns = 0
        self._parts: dict[str, list[LogRecord]] = {}
        self._joined = 0
        self.over = False
        """Whether a record later than the wanted time was seen."""

    def feed(self, block: bytes) -> list[LogRecord]:
        """Return the records that a further block completes."""
        data = self._rest + block if self._rest else block
        records: list[LogRecord] = []
        append, find = records.append, data.find
        since, until, want_out, want_err = self._selection
        position = 0
        while (end := find(b"\n", position)) >= 0:
            start, position = position, end + 1
            if end - start < DATA_START:
                continue  # torn by a crash or a full disk
            stamp = data[start : start + STAMP_SIZE]
            if stamp != self._stamp:
                self._stamp, self._time_ns = stamp, parse_stamp(stamp)
            time_ns = self._time_ns
            if until and time_ns > until:
                self.over = True
                break
            is_out = data[start + _STREAM_MARK] == 0x6F  # "o"
            if time_ns < since or not (want_out if is_out else want_err):
                continue
            stream = "stdout" if is_out else "stderr"
            if data[start + _FLAG] == 0x46:  # "F"
                text = data[start + DATA_START : position]
                record = LogRecord(time_ns, stream, text)
                append(self._join(record) if self._parts else record)
            else:
                part = LogRecord(time_ns, stream, data[start + DATA_START : end], True)
                records += self._add_part(part)
        self._rest = data[position:]
        return records

    @property
    def unfinished(self) -> int | None:
        """Bytes fed that no record has come of yet; None where parts of lines wait to be joined."""
        return None if self._parts else len(self._rest)

    def flush(self) -> list[LogRecord]:
        """Return the parts of lines that have not ended yet: a prompt, say."""
        records = [_joined(parts, partial=True) for parts in self._parts.values()]
        self._parts.clear()
        self._joined = 0
        return records

    def _add_part(self, part: LogRecord) -> list[LogRecord]:
        self._parts.setdefault(part.stream, []).append(part)
        self._joined += len(part.data)
        return self.flush() if self._joined > JOIN_LIMIT else []

    def _join(self, last: LogRecord) -> LogRecord:
        parts = self._parts.pop(last.stream, None)
        if parts is None:
            return last
        self._joined = sum(len(one.data) for rest in self._parts.values() for one in rest)
        return _joined([*parts, last], partial=False)


def _joined(parts: list[LogRecord], *, partial: bool) -> LogRecord:
    data = b"".join(part.data for part in parts)
    return LogRecord(parts[0].time_ns, parts[0].stream, data, partial)


def parse_stamp(stamp: bytes) -> int:
    """Return a time stamp in nanoseconds since the epoch, 0 for what is none."""
    try:
        text = stamp.decode("ascii")
        moment = datetime.fromisoformat(text[:19] + text[29:])
        return int(moment.timestamp()) * _NS + int(text[20:29])
    except ValueError:
        return 0


def is_whole(data: bytes, start: int) -> bool:
    """Tell whether the line that begins at ``start`` is a whole one."""
    return data[start + _FLAG : start + _FLAG + 1] == b"F"


def is_stdout(data: bytes, start: int) -> bool:
    """Tell the stream of the line that begins at ``start``."""
    return data[start + _STREAM_MARK : start + _STREAM_MARK + 1] == b"o"
