"""Answers whose body is at hand. Bodies that grow while they are sent: ``streams.py``."""

from dataclasses import dataclass

import msgspec

Headers = tuple[tuple[str, str], ...]

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Response:
    """Status, body and headers of an answer. The server adds Content-Length and its own headers."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: Headers = ()


def json_response(document: object, status: int = 200, headers: Headers = ()) -> Response:
    """Answer with JSON. ``document`` is anything msgspec encodes: structs, dicts, lists, text."""
    return Response(status, _encode(document) + b"\n", "application/json", headers)


def empty_response(status: int = 204, headers: Headers = ()) -> Response:
    """Answer without a body: 204 done, 304 nothing to do, 200 and 201 where Docker has no body."""
    return Response(status, b"", None, headers)


def text_response(text: str, status: int = 200, headers: Headers = ()) -> Response:
    """Answer with plain text."""
    return Response(status, text.encode(), "text/plain; charset=utf-8", headers)
