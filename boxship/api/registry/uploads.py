"""Uploads: one request, one after another, or in pieces."""

from boxship.api.registry.call import Call
from boxship.api.registry.errors import AnswerError
from boxship.api.registry.ranges import piece_start
from boxship.api.response import Headers, Response, empty_response
from boxship.engine.registry.server.faults import RangeInvalidError
from boxship.engine.registry.server.names import check_digest


async def upload_begin(call: Call) -> Response:
    """Begin an upload; or mount a blob of another repository; or take a whole blob at once."""
    query = call.request.query
    if mount := query.text("mount"):
        check_digest(mount)
        source = query.text("from")
        if call.registry.mount(call.name, mount, lambda name: _may_mount(call, source, name)):
            return _created(call, mount)
    digest = query.text("digest")
    identity = call.registry.begin_upload(call.name, query.text("digest-algorithm"))
    if digest:
        return await _finish(call, identity, digest)
    if mount:
        call.registry.expect(call.name, identity, mount)
    return empty_response(202, (*_state(call, identity, 0), *_minimum(call)))


def _may_mount(call: Call, source: str, name: str) -> bool:
    return (not source or source == name) and call.grant.allows(name, "pull")


def _minimum(call: Call) -> Headers:
    size = call.registry.config.min_chunk
    return (("OCI-Chunk-Min-Length", str(size)),) if size else ()


async def upload_status(call: Call) -> Response:
    """Tell how far an upload is."""
    size = call.registry.upload_size(call.name, call.reference)
    return empty_response(204, _state(call, call.reference, size))


async def upload_piece(call: Call) -> Response:
    """Append to an upload."""
    size = await _receive(call, call.reference)
    return empty_response(202, _state(call, call.reference, size))


async def upload_finish(call: Call) -> Response:
    """Append the rest, if any, and make a blob of the upload."""
    return await _finish(call, call.reference, call.request.query.text("digest"))


async def upload_cancel(call: Call) -> Response:
    """Drop an upload."""
    await call.registry.cancel_upload(call.name, call.reference)
    return empty_response(204)


async def _finish(call: Call, identity: str, digest: str) -> Response:
    call.registry.expect(call.name, identity, digest)
    if call.request.has_body:
        await _receive(call, identity)
    await call.registry.finish_upload(call.name, identity, digest)
    return _created(call, digest)


async def _receive(call: Call, identity: str) -> int:
    headers = call.request.headers
    try:
        start = piece_start(headers.get("content-range", ""), headers.get("content-length", ""))
        return await call.registry.receive(call.name, identity, start, call.request.raw_body())
    except RangeInvalidError as fault:
        size = call.registry.upload_size(call.name, identity)
        raise AnswerError(fault, _state(call, identity, size)) from None


def _created(call: Call, digest: str) -> Response:
    location = f"{call.path}/blobs/{digest}"
    return empty_response(201, (("Location", location), ("Docker-Content-Digest", digest)))


def _state(call: Call, identity: str, size: int) -> Headers:
    return (
        ("Location", f"{call.path}/blobs/uploads/{identity}"),
        ("Range", f"0-{max(0, size - 1)}"),
        ("Docker-Upload-UUID", identity),
    )
