"""HTTP/1.1 as a client speaks it, without IO (RFC 9112).

Bytes go in, heads and body bytes come out; both the blocking and the asyncio client stand on it.
The command line imports this on every run, hence no ``http.client``, ``re`` or ``email``.
"""

TYPE_CHECKING = False  # the typing module costs a command 10 ms
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_HEAD_SIZE = 256 * 1024
LAST_CHUNK = b"0\r\n\r\n"
_NO_BODY_STATUSES = (204, 304)


class ProtocolError(Exception):
    """The peer does not speak HTTP/1.1, or stopped in the middle of a message."""


class ResponseHead:
    """Status line and header fields of one response.

    headers: names in lower case; a repeated field's values are joined by ``, ``.
    """

    __slots__ = ("headers", "http_minor", "reason", "status")

    def __init__(self, http_minor: int, status: int, reason: str, headers: dict[str, str]) -> None:
        self.http_minor = http_minor
        self.status = status
        self.reason = reason
        self.headers = headers

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection may carry another request once the body has ended."""
        connection = self.headers.get("connection", "").lower()
        return "keep-alive" in connection or (self.http_minor >= 1 and "close" not in connection)


def encode_request(method: str, target: str, headers: "Iterable[tuple[str, str]]") -> bytes:
    """Encode a request line and header fields. Raises ProtocolError for a line break in them."""
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise ProtocolError("a header field must not contain a line break")
    return text.encode("utf-8") + b"\r\n\r\n"


def encode_chunk(data: bytes) -> bytes:
    """Encode one chunk of a chunked body; empty data gives nothing, as that would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def take_head(buffer: bytearray) -> ResponseHead | None:
    """Cut the next response head off the front of buffer; None until it is there whole.

    What follows the head (body, or a hijacked stream's first bytes) stays in buffer.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > MAX_HEAD_SIZE:
            raise ProtocolError("the response head is too large")
        return None
    text = bytes(buffer[:end]).decode("utf-8", "replace")
    del buffer[: end + 4]
    status_line, *field_lines = text.split("\r\n")
    http_minor, status, reason = _parse_status_line(status_line)
    return ResponseHead(http_minor, status, reason, _parse_fields(field_lines))


def _parse_status_line(line: str) -> tuple[int, int, str]:
    version, _, rest = line.partition(" ")
    code, _, reason = rest.partition(" ")
    minor = version[7:]
    if not version.startswith("HTTP/1.") or not minor.isdecimal() or not code.isdecimal():
        raise ProtocolError(f"not an HTTP/1.1 response: {line[:80]!r}")
    return int(minor), int(code), reason


def _parse_fields(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise ProtocolError(f"malformed header field: {line[:80]!r}")
        key, value = name.lower(), value.strip()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


class BodyDecoder:
    """The body of one response, framed by length, by chunks or by the end of the connection.

    ``buffer`` is the connection's: decoded bytes are cut from its front, bytes after the body's
    end stay there. ``done`` is set once the body has ended.
    """

    __slots__ = ("_buffer", "_chunked", "_in_trailer", "_needs_crlf", "_remaining", "done")

    def __init__(self, head: ResponseHead, method: str, buffer: bytearray) -> None:
        self._buffer = buffer
        self._remaining: int | None = None  # bytes left of the body or chunk; None: unknown
        self._needs_crlf = False
        self._in_trailer = False
        bodiless = method == "HEAD" or head.status in _NO_BODY_STATUSES or head.status < 200
        encoding = head.headers.get("transfer-encoding", "").lower()
        self._chunked = encoding.endswith("chunked") and not bodiless
        if bodiless:
            self._remaining = 0
        elif not self._chunked:
            self._remaining = _content_length(head)
        self.done = self._remaining == 0

    @property
    def reusable(self) -> bool:
        """Whether the connection is at the start of the next message."""
        return self.done and (self._chunked or self._remaining is not None)

    def take(self) -> bytes:
        """Return the body bytes that are in the buffer by now, ``b""`` if there are none yet."""
        if self.done:
            return b""
        if self._chunked:
            return self._take_chunks()
        if self._remaining is None:
            return self._cut(len(self._buffer))
        data = self._cut(min(self._remaining, len(self._buffer)))
        self._remaining -= len(data)
        self.done = self._remaining == 0
        return data

    def pass_on(self, received: bytes) -> bytes:
        """Return the body bytes there are with ``received``: itself where it is nothing else."""
        if self._buffer or self._chunked or not len(received) <= (self._remaining or 0):
            self._buffer += received
            return self.take()
        self._remaining = (self._remaining or 0) - len(received)
        self.done = self._remaining == 0
        return received

    def end_of_input(self) -> None:
        """Note that the peer closed. Raises ProtocolError when the body was not complete."""
        if self._chunked or self._remaining:
            raise ProtocolError("the connection was closed in the middle of a response")
        self.done = True

    def _cut(self, size: int) -> bytes:
        with memoryview(self._buffer) as view:
            data = bytes(view[:size])
        del self._buffer[:size]
        return data

    def _take_chunks(self) -> bytes:
        pieces: list[bytes] = []
        while not self.done:
            if self._remaining:
                piece = self._cut(min(self._remaining, len(self._buffer)))
                if not piece:
                    break
                self._remaining -= len(piece)
                self._needs_crlf = self._remaining == 0
                pieces.append(piece)
            elif not self._take_chunk_line():
                break
        return b"".join(pieces)

    def _take_chunk_line(self) -> bool:
        """Consume one line of the chunked framing; False when it is not there whole."""
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD_SIZE:
                raise ProtocolError("malformed chunk in a response")
            return False
        line = self._cut(end + 2)[:-2]
        if self._in_trailer:
            self.done = not line
        elif self._needs_crlf:
            if line:
                raise ProtocolError("malformed chunk in a response")
            self._needs_crlf = False
        else:
            self._remaining = _chunk_size(line)
            self._in_trailer = self._remaining == 0
        return True


def _content_length(head: ResponseHead) -> int | None:
    text = head.headers.get("content-length")
    if text is None:
        return None
    if not text.isdecimal():
        raise ProtocolError(f"bad Content-Length: {text[:40]!r}")
    return int(text)


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    try:
        size = int(digits, 16)
    except ValueError:
        size = -1
    if size < 0:
        raise ProtocolError(f"bad chunk size: {digits[:40]!r}")
    return size
