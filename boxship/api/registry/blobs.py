"""Downloads and removal of blobs."""

import os

from boxship.api.registry.call import Call, not_changed
from boxship.api.registry.errors import AnswerError
from boxship.api.registry.ranges import wanted_range
from boxship.api.response import Headers, Response, empty_response
from boxship.engine.registry.server.faults import RangeInvalidError
from boxship.engine.registry.server.service import Blob

_BYTES = "application/octet-stream"


async def blob_head(call: Call) -> Response:
    """Tell whether a blob is there, and its size."""
    size = await call.registry.find_blob(call.name, call.reference)
    headers = (*_headers(call.reference), ("Content-Length", str(size)))
    return Response(200, b"", _BYTES, headers)


async def blob_get(call: Call) -> Response | None:
    """Send a blob or a range of it, from the file to the socket."""
    if not_changed(call.request, call.reference):
        call.registry.blob_size(call.name, call.reference)
        return Response(304, headers=_headers(call.reference))
    blob = await call.registry.open_blob(call.name, call.reference)
    try:
        await _send(call, blob)
    finally:
        os.close(blob.descriptor)
    return None


async def _send(call: Call, blob: Blob) -> None:
    headers = _headers(call.reference)
    wanted = _range(call, blob.size)
    status, start, length = 200, 0, blob.size
    if wanted is not None:
        status, (start, length) = 206, wanted
        placed = ("Content-Range", f"bytes {start}-{start + length - 1}/{blob.size}")
        headers = (*headers, placed)
    if blob.growing is None:
        await call.request.send_file(
            blob.descriptor, start, length, status=status, content_type=_BYTES, headers=headers
        )
        return
    headers = (*headers, ("Content-Length", str(length)))
    stream = call.request.stream(_BYTES, status=status, headers=headers)
    async for data in blob.growing.read(start, length):
        await stream.write(data)


def _range(call: Call, size: int) -> tuple[int, int] | None:
    condition = call.request.headers.get("if-range", "")
    if condition and condition != f'"{call.reference}"':
        return None
    try:
        return wanted_range(call.request.headers.get("range", ""), size)
    except RangeInvalidError as fault:
        raise AnswerError(fault, (("Content-Range", f"bytes */{size}"),)) from None


def _headers(digest: str) -> Headers:
    return (
        ("Accept-Ranges", "bytes"),
        ("Docker-Content-Digest", digest),
        ("ETag", f'"{digest}"'),
        ("Cache-Control", "max-age=31536000"),
    )


async def blob_delete(call: Call) -> Response:
    """Take a blob out of the repository."""
    call.registry.remove_blob(call.name, call.reference)
    return empty_response(202, (("Docker-Content-Digest", call.reference),))
