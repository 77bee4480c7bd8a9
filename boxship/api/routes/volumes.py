"""``/volumes``."""

from typing import TYPE_CHECKING

from boxship.api.convert.filters import filters, removed_first
from boxship.api.convert.volumes import volume_json
from boxship.api.request import Request
from boxship.api.response import Response, empty_response, json_response
from boxship.api.routes.swarm import manager_needed
from boxship.api.schema.volumes import VolumeCreateBody, VolumeList, VolumesPruned

if TYPE_CHECKING:
    from boxship.engine import Engine


async def volume_list(request: Request, engine: "Engine") -> Response:
    """List volumes."""
    selected = engine.volumes.list(filters(request.query))
    return json_response(VolumeList(volumes=[volume_json(volume) for volume in selected]))


async def volume_create(request: Request, engine: "Engine") -> Response:
    """Make a volume, or return the one of that name."""
    body = await request.json(VolumeCreateBody, required=True)
    volume = await engine.volumes.make(
        body.name or None,
        driver=body.driver,
        driver_opts=body.driver_opts or {},
        labels=body.labels or {},
    )
    return json_response(volume_json(volume), 201)


async def volume_inspect(request: Request, engine: "Engine") -> Response:
    """Show one volume."""
    volume, said = await engine.volumes.describe(request.params["name"])
    return json_response(volume_json(volume, said=said))


volume_update = manager_needed
"""Only the volumes of a cluster can be changed."""


async def volume_delete(request: Request, engine: "Engine") -> Response:
    """Remove a volume."""
    name, force = request.params["name"], request.query.flag("force")
    await engine.volumes.discard(name, force)
    return empty_response(204)


async def volume_prune(request: Request, engine: "Engine") -> Response:
    """Remove unused volumes: anonymous ones, or all with the filter ``all``."""
    wanted = filters(request.query)
    if request.version < (1, 42):
        wanted.setdefault("all", ("true",))
    if request.query.flag("plan"):
        names, freed = await engine.volumes.plan_prune(wanted, removed_first(request.query))
    else:
        names, freed = await engine.volumes.prune(wanted)
    return json_response(VolumesPruned(volumes_deleted=list(names) or None, space_reclaimed=freed))
