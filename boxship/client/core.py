"""The client without IO: what a call is, how it is written, what its answer means."""

from boxship.client import jsontext
from boxship.client.errors import DaemonError, daemon_error
from boxship.wire import http1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from boxship.wire.http1 import ResponseHead

    QueryValue = str | int | bool | list[str] | None
    JsonBody = Mapping[str, Any] | list[Any]

API_VERSION = "1.51"
"""Spoken without asking first; an engine that refuses it is asked for its own (``_ping``)."""

USER_AGENT = "Boxship-Client"
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH_SAFE = _UNRESERVED | frozenset("/:@!$&'()*+,;=")


class Call:
    """One API operation to carry out; ``boxship.client.calls`` makes them.

    path: without version, already quoted. query: None values are left out, booleans become 1 or
    0, a list repeats its key. body: a JSON value is sent as JSON, bytes as they are, an iterable
    of bytes as a chunked stream. upgrade: the connection becomes a raw stream (hijack).
    """

    __slots__ = ("body", "headers", "method", "path", "query", "upgrade")

    def __init__(
        self,
        method: str,
        path: str,
        query: "Mapping[str, QueryValue] | None" = None,
        *,
        json: "JsonBody | None" = None,
        body: "bytes | Iterable[bytes] | None" = None,
        headers: "Mapping[str, str] | None" = None,
        upgrade: bool = False,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query or {}
        self.headers = dict(headers or {})
        self.body = body
        self.upgrade = upgrade
        if json is not None:
            self.body = jsontext.dumps(json).encode("utf-8", "replace")
            self.headers.setdefault("Content-Type", "application/json")
        elif body is not None:
            self.headers.setdefault("Content-Type", "application/x-tar")

    @property
    def is_streamed(self) -> bool:
        """Whether the body is an iterable, which can be sent only once."""
        return self.body is not None and not isinstance(self.body, bytes)

    def encode(self, prefix: str, host: str, extra_headers: "Mapping[str, str]") -> bytes:
        """The request up to the body, and the body too when it is bytes.

        prefix: what stands before the path (``/v1.47``).
        """
        target = f"{prefix}{self.path}{encode_query(self.query)}"
        fields = {"Host": host, "User-Agent": USER_AGENT, **extra_headers, **self.headers}
        if self.upgrade:
            fields.update(Connection="Upgrade", Upgrade="tcp")
        if isinstance(self.body, bytes):
            fields["Content-Length"] = str(len(self.body))
        elif self.body is not None:
            fields["Transfer-Encoding"] = "chunked"
        elif self.method not in ("GET", "HEAD", "DELETE"):
            fields["Content-Length"] = "0"
        head = http1.encode_request(self.method, target, fields.items())
        return head + self.body if isinstance(self.body, bytes) else head


def quote(text: str, safe: frozenset[str] = _UNRESERVED) -> str:
    """Percent-encode text for a URL."""
    if safe.issuperset(text):
        return text
    return "".join(
        char if char in safe else "".join(f"%{byte:02X}" for byte in _utf8(char)) for char in text
    )


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def quote_path(text: str) -> str:
    """Percent-encode text as a path; slashes (of image names) stay."""
    return quote(text, _PATH_SAFE)


def encode_query(query: "Mapping[str, QueryValue]") -> str:
    """``?key=value&…`` or an empty string."""
    pairs: list[str] = []
    for key, value in query.items():
        if value is None:
            continue
        if isinstance(value, bool):
            value = "1" if value else "0"
        values = value if isinstance(value, list) else [str(value)]
        pairs += [f"{quote(key)}={quote(item)}" for item in values]
    return "?" + "&".join(pairs) if pairs else ""


def encode_filters(filters: "Mapping[str, list[str]] | None") -> str | None:
    """The ``filters`` query value, or None when there are none."""
    if not filters:
        return None
    return jsontext.dumps({key: dict.fromkeys(values, True) for key, values in filters.items()})


def error_of(head: "ResponseHead", body: bytes) -> DaemonError:
    """The error that a response of status 400 or more stands for."""
    message = ""
    try:
        document = jsontext.loads(body)
        message = str(document["message"]) if isinstance(document, dict) else ""
    except (ValueError, KeyError):
        message = body.decode("utf-8", "replace").strip()
    if not message:
        message = f"the engine answered {head.status} {head.reason} and gave no reason"
    return daemon_error(head.status, message)


def older_version(error: DaemonError, head: "ResponseHead", spoken: str) -> str | None:
    """The API version to fall back to when ``spoken`` was refused as too new, else None."""
    offered = head.headers.get("api-version") or str(error).rpartition(" ")[2]
    if error.status != 400 or "too new" not in str(error):
        return None
    if not offered.replace(".", "", 1).isdecimal():
        return None
    return offered if version_key(offered) < version_key(spoken) else None


def version_key(version: str) -> tuple[int, ...]:
    """``1.47`` as something that can be compared."""
    return tuple(int(part) for part in version.split("."))


class LineDecoder:
    """JSON values one after another, parted by line breaks (or RFC 7464 record separators)."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> "list[Any]":
        """Return the values that data completes. Raises ValueError for a line that is no JSON."""
        self._buffer += data
        end = self._buffer.rfind(b"\n")
        if end < 0:
            return []
        lines = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return _values(lines)

    def finish(self) -> "list[Any]":
        """Return the value of a last line without a line break."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return _values(rest)


def _values(lines: bytes) -> "list[Any]":
    texts = (line.strip(b"\x1e \r\t") for line in lines.split(b"\n"))
    return [jsontext.loads(text) for text in texts if text]
