"""``/networks``."""

from typing import TYPE_CHECKING

from boxship.api.convert.endpoints import endpoint_spec
from boxship.api.convert.filters import filters
from boxship.api.convert.networks import explanation_json, network_json, network_spec
from boxship.api.request import Request
from boxship.api.response import Response, empty_response, json_response
from boxship.api.schema.networks import (
    ConnectBody,
    DisconnectBody,
    NetworkCreateBody,
    NetworkCreated,
    NetworksPruned,
)
from boxship.errors import InvalidParameterError, NotFoundError, NotSupportedError

if TYPE_CHECKING:
    from boxship.engine import Engine


async def network_list(request: Request, engine: "Engine") -> Response:
    """List networks."""
    selected = engine.networks.list(filters(request.query))
    return json_response([network_json(item, None, request.version) for item in selected])


async def network_inspect(request: Request, engine: "Engine") -> Response:
    """Show one network and who is on it."""
    network = engine.networks.get(request.params["id"])
    scope = request.query.text("scope")
    if scope and scope != network.scope:
        raise NotFoundError(f"network {request.params['id']} not found")
    members = engine.networks.containers_of(network.id)
    return json_response(network_json(network, members, request.version))


async def network_create(request: Request, engine: "Engine") -> Response:
    """Make a network."""
    body = await request.json(NetworkCreateBody, required=True)
    if body.scope not in ("", "local"):
        raise NotSupportedError(
            f"networks of scope {body.scope} need a cluster; this engine makes local ones"
        )
    network = await engine.networks.create(network_spec(body))
    return json_response(NetworkCreated(id=network.id), 201)


async def network_explain(request: Request, engine: "Engine") -> Response:
    """Say from where a container's port is reached."""
    reference = request.query.text("container")
    _require_container(reference)
    port = request.query.integer("port", 0) or 0
    protocol = request.query.text("protocol") or "tcp"
    container = engine.containers.get(reference)
    return json_response(
        explanation_json(engine.networks.explain(container.id, container.name, port, protocol))
    )


async def network_delete(request: Request, engine: "Engine") -> Response:
    """Remove a network."""
    await engine.networks.remove(request.params["id"])
    return empty_response(204)


async def network_connect(request: Request, engine: "Engine") -> Response:
    """Put a container on a network."""
    body = await request.json(ConnectBody, required=True)
    _require_container(body.container)
    network = engine.networks.get(request.params["id"])
    spec = endpoint_spec(network.name, body.endpoint_config)
    await engine.containers.connect(body.container, spec)
    return empty_response(200)


async def network_disconnect(request: Request, engine: "Engine") -> Response:
    """Take a container off a network."""
    body = await request.json(DisconnectBody, required=True)
    _require_container(body.container)
    network = engine.networks.get(request.params["id"])
    await engine.containers.disconnect(body.container, network.name, force=body.force)
    return empty_response(200)


def _require_container(reference: str) -> None:
    if not reference:
        raise InvalidParameterError("container is required: name it in the field Container")


async def network_prune(request: Request, engine: "Engine") -> Response:
    """Remove all networks that nobody is on."""
    wanted = filters(request.query)
    if request.query.flag("plan"):
        names = engine.networks.plan_prune(wanted)
    else:
        names = await engine.networks.prune(wanted)
    return json_response(NetworksPruned(networks_deleted=list(names) or None))
