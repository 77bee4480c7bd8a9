"""Docker's multiplexed stream: stdout and stderr of a container on one connection.

A frame is an 8-byte head ``{stream, 0, 0, 0, size (big-endian, 4 bytes)}`` and the payload; stream
is 0 stdin, 1 stdout, 2 stderr, 3 an error of the engine itself.
"""

STDIN = 0
STDOUT = 1
STDERR = 2
SYSTEM_ERROR = 3
HEAD_SIZE = 8


class FrameError(Exception):
    """The stream is not a multiplexed stream."""


def encode(stream: int, payload: bytes) -> bytes:
    """Return payload as one frame of that stream; at most 4 GiB - 1 bytes."""
    return head(stream, len(payload)) + payload


def head(stream: int, size: int) -> bytes:
    """Return the 8 bytes in front of a payload of that size."""
    return bytes((stream, 0, 0, 0)) + size.to_bytes(4, "big")


class Decoder:
    """Takes bytes as they arrive; gives pieces of payload as soon as they are there.

    A frame is passed on in pieces, never collected whole, as its size is the sender's choice.
    """

    __slots__ = ("_buffer", "_remaining", "_stream")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._stream = STDOUT
        self._remaining = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return (stream, bytes) for what data completes. Raises FrameError."""
        self._buffer += data
        pieces: list[tuple[int, bytes]] = []
        position = 0
        with memoryview(self._buffer) as view:
            while position < len(view):
                if not self._remaining:
                    if len(view) - position < HEAD_SIZE:
                        break
                    self._open_frame(view[position : position + HEAD_SIZE])
                    position += HEAD_SIZE
                    continue
                piece = bytes(view[position : position + self._remaining])
                position += len(piece)
                self._remaining -= len(piece)
                pieces.append((self._stream, piece))
        del self._buffer[:position]
        return pieces

    def _open_frame(self, frame_head: memoryview) -> None:
        stream = frame_head[0]
        if stream > SYSTEM_ERROR:
            raise FrameError(f"unrecognized stream: {stream}")
        self._stream = stream
        self._remaining = int.from_bytes(frame_head[4:8], "big")

    @property
    def in_frame(self) -> bool:
        """Whether the stream would end in the middle of a frame if it ended here."""
        return bool(self._buffer) or self._remaining > 0
