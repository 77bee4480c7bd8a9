"""The wire formats of conmon, without IO (containers/conmon 2.1).

conmon reports over a sync pipe, one JSON object a line; speaks to attached clients over a
SOCK_SEQPACKET socket, one packet a read of the container's output, its first byte naming the
stream; and takes commands as lines from a FIFO named ``ctl``.
"""

import json
from dataclasses import dataclass

ATTACH_SOCKET = "attach"
"""Name of the socket in conmon's directory."""
STDOUT = 2
STDERR = 3
PACKET_LIMIT = 8193
"""Bytes of the largest packet that conmon sends: the stream byte and its read buffer."""
STDIN_PACKET_LIMIT = 32768
"""Bytes of the largest packet that conmon takes; a longer one is cut off."""
REOPEN_LOG = b"2 0 0\n"
"""Command: go on in a new file at the log's path, where the old one was renamed away."""


@dataclass(frozen=True, slots=True)
class SyncMessage:
    """One report: a pid, or an exit status where positive pids went before; negative: failure."""

    data: int
    message: str = ""
    """What the OCI runtime wrote to its standard error."""


def parse_sync(line: bytes) -> SyncMessage:
    """Decode one line of the sync pipe. Raises ValueError on anything else.

    conmon copies bytes that are not UTF-8 into the message: they are replaced.
    """
    document = json.loads(line.decode(errors="replace"), strict=False)
    if not isinstance(document, dict) or not isinstance(document.get("data"), int):
        raise ValueError(f"conmon sent an unknown report: {line!r}")
    return SyncMessage(document["data"], str(document.get("message", "")))
