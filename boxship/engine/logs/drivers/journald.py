"""The driver ``journald``: systemd's journal by its native protocol (JOURNAL_NATIVE_PROTOCOL)."""

import array
import errno
import fcntl
import os
import re
import socket
from collections.abc import Sequence
from pathlib import Path

from boxship.engine.logs.drivers.driver import LogInfo, extra_attributes, severity_of, tag_of
from boxship.engine.logs.line import LogRecord
from boxship.ids import short_id

OPTIONS: frozenset[str] = frozenset()
SOCKET = Path("/run/systemd/journal/socket")


class Journald:
    """Sends each line with fields that tell of its container."""

    def __init__(self, info: LogInfo) -> None:
        if not SOCKET.is_socket():
            raise OSError("journald is not enabled on this host")
        tag = tag_of(info)
        fields = {
            "CONTAINER_ID": short_id(info.container_id),
            "CONTAINER_ID_FULL": info.container_id,
            "CONTAINER_NAME": info.container_name,
            "CONTAINER_TAG": tag,
            "IMAGE_NAME": info.image_name,
            "SYSLOG_IDENTIFIER": tag,
        }
        chosen = {_field_name(name): value for name, value in extra_attributes(info).items()}
        pairs = {**chosen, **fields}.items()
        self._head = b"".join(_field(name, value.encode()) for name, value in pairs)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.connect(str(SOCKET))

    def write(self, records: Sequence[LogRecord]) -> None:
        """Send records. [blocking]"""
        for record in records:
            self._send(self._head + _message(record))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _send(self, entry: bytes) -> None:
        try:
            self._socket.send(entry)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            self._send_as_file(entry)

    def _send_as_file(self, entry: bytes) -> None:
        """Too large for a datagram: hand over a sealed memory file instead."""
        descriptor = os.memfd_create("log", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        try:
            view = memoryview(entry)
            while view:
                view = view[os.write(descriptor, view) :]
            _seal(descriptor)
            handed = array.array("i", [descriptor])
            self._socket.sendmsg([b""], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handed)])
        finally:
            os.close(descriptor)


def _seal(descriptor: int) -> None:
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)


def _message(record: LogRecord) -> bytes:
    fields = {
        "PRIORITY": b"%d" % severity_of(record),
        "SYSLOG_TIMESTAMP": b"%d" % (record.time_ns // 1000),
        "MESSAGE": record.data.removesuffix(b"\n"),
    }
    if record.partial:
        fields["CONTAINER_PARTIAL_MESSAGE"] = b"true"
    return b"".join(_field(name, value) for name, value in fields.items())


def _field(name: str, value: bytes) -> bytes:
    """Encode a field: by its length where a line cannot hold it."""
    if b"\n" in value:
        return name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    return name.encode() + b"=" + value + b"\n"


def _field_name(name: str) -> str:
    """Return a name that the journal accepts: capitals, digits and underscores."""
    return re.sub(r"[^A-Z0-9_]", "_", name.upper()).lstrip("_")
