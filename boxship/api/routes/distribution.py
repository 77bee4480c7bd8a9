"""What registries have: ``/distribution``, ``/images/search``, and manifests as they are.

``/boxship/registry`` is Boxship's own (docs/api-extensions.md): the command speaks to registries
through the engine only.
"""

import hashlib
from typing import TYPE_CHECKING

from boxship.api.convert.distribution import attestation_json, distribution_json, search_json
from boxship.api.convert.filters import filters
from boxship.api.convert.platforms import platform_name
from boxship.api.convert.registry_auth import registry_auth
from boxship.api.request import Request
from boxship.api.response import Response, json_response
from boxship.api.schema.distribution import ManifestStored, RegistryCopyBody
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.search import wish
from boxship.errors import InvalidParameterError
from boxship.oci.document import MAX_DOCUMENT_SIZE

if TYPE_CHECKING:
    from boxship.engine import Engine


async def distribution_inspect(request: Request, engine: "Engine") -> Response:
    """Show digest, type and platforms of an image in its registry."""
    found = await engine.registry.inspect(request.params["name"], _auth(request))
    return json_response(distribution_json(found))


async def image_search(request: Request, engine: "Engine") -> Response:
    """Search a registry."""
    query = request.query
    wanted = wish(query.text("term"), query.integer("limit", 0) or 0, filters(query))
    found = await engine.registry.search(wanted, _auth(request))
    return json_response([search_json(one) for one in found])


async def image_attestations(request: Request, engine: "Engine") -> Response:
    """Show what is attested of an image."""
    query = request.query
    platforms = query.texts("platform")
    if len(platforms) > 1:
        raise InvalidParameterError("only one platform value is currently supported")
    types = [one for text in query.texts("type") for one in text.split(",") if one]
    found = await engine.images.attestations(
        request.params["name"],
        platform_name(platforms[0] if platforms else ""),
        types,
        statements=query.flag("statement"),
        auth=_auth(request),
    )
    return json_response([attestation_json(one) for one in found])


async def registry_manifest(request: Request, engine: "Engine") -> Response:
    """Fetch a manifest or index, byte for byte."""
    found = await engine.registry.manifest(
        _name(request), _auth(request), insecure=request.query.flag("insecure")
    )
    headers = (("Docker-Content-Digest", found.digest),)
    return Response(200, found.data, found.media_type, headers)


async def registry_document(request: Request, engine: "Engine") -> Response:
    """Fetch a small blob, such as a configuration."""
    data = await engine.registry.document(
        _name(request), _auth(request), insecure=request.query.flag("insecure")
    )
    return Response(200, data, "application/octet-stream")


async def put_registry_manifest(request: Request, engine: "Engine") -> Response:
    """Store a manifest or index, byte for byte."""
    data = await request.read_body(MAX_DOCUMENT_SIZE)
    await engine.registry.put_manifest(
        _name(request),
        request.headers.get("content-type", ""),
        data,
        _auth(request),
        insecure=request.query.flag("insecure"),
    )
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return json_response(ManifestStored(digest=digest), 201)


async def registry_copy(request: Request, engine: "Engine") -> Response:
    """Copy a manifest with what it needs between repositories."""
    body = await request.json(RegistryCopyBody, required=True)
    if not (body.source and body.target):
        raise InvalidParameterError("Source and Target are required: names of images")
    digest = await engine.registry.copy(
        body.source,
        body.target,
        registry_auth(body.source_auth),
        _auth(request),
        insecure=body.insecure,
    )
    return json_response(ManifestStored(digest=digest), 201)


def _name(request: Request) -> str:
    name = request.query.text("name")
    if not name:
        raise InvalidParameterError("the query has no name: name an image")
    return name


def _auth(request: Request) -> RegistryAuth | None:
    return registry_auth(request.headers.get("x-registry-auth", ""))
