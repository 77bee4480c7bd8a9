"""Manifests: sent, stored and removed, by tag or digest."""

import asyncio

from boxship.api.registry.call import Call, not_changed
from boxship.api.response import Headers, Response, empty_response
from boxship.engine.registry.server.records import ManifestRecord


async def manifest_get(call: Call) -> Response:
    """Send a manifest as it came, or tell that the client has it."""
    manifest = await call.registry.find_manifest(call.name, call.reference)
    headers = _headers(manifest)
    if not_changed(call.request, manifest.digest):
        return Response(304, headers=headers)
    if call.request.method == "HEAD":
        length = ("Content-Length", str(manifest.size))
        return Response(200, b"", manifest.media_type, (*headers, length))
    data = await asyncio.to_thread(call.registry.read_manifest, manifest)
    return Response(200, data, manifest.media_type, headers)


def _headers(manifest: ManifestRecord) -> Headers:
    return (("Docker-Content-Digest", manifest.digest), ("ETag", f'"{manifest.digest}"'))


async def manifest_put(call: Call) -> Response:
    """Store a manifest."""
    data = await _read(call)
    media_type = call.request.headers.get("content-type", "").partition(";")[0].strip()
    tags = call.request.query.texts("tag")
    manifest = await call.registry.put_manifest(call.name, call.reference, data, media_type, tags)
    headers: Headers = (
        ("Location", f"{call.path}/manifests/{manifest.digest}"),
        ("Docker-Content-Digest", manifest.digest),
    )
    if tags:
        headers = (*headers, ("OCI-Tag", ", ".join(tags)))
    if manifest.subject:
        headers = (*headers, ("OCI-Subject", manifest.subject))
    return empty_response(201, headers)


async def _read(call: Call) -> bytes:
    """Read the body, as far as the limit allows."""
    call.registry.check_writable()
    length = call.request.headers.get("content-length", "")
    if length.isdecimal():
        call.registry.check_manifest_size(int(length))
    data = bytearray()
    async for piece in call.request.body():
        data += piece
        call.registry.check_manifest_size(len(data))
    return bytes(data)


async def manifest_delete(call: Call) -> Response:
    """Remove a tag, or a manifest with its tags."""
    call.registry.remove_manifest(call.name, call.reference)
    return empty_response(202)
