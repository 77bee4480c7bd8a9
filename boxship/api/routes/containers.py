"""``/containers``: everything that is asked and answered at once."""

import asyncio
import time
from typing import TYPE_CHECKING

from boxship.api.convert.container_inspect import InspectFacts, inspect_json
from boxship.api.convert.container_request import container_request
from boxship.api.convert.container_summary import summary_json
from boxship.api.convert.filters import filters
from boxship.api.convert.resources import resources, restart_policy
from boxship.api.request import Request
from boxship.api.response import Response, empty_response, json_response
from boxship.api.schema.containers import (
    Change,
    ContainersPruned,
    CreateBody,
    Created,
    Processes,
    Summary,
    Updated,
)
from boxship.api.schema.host_config import UpdateBody
from boxship.engine.containers.container import Container
from boxship.engine.containers.filters import ListQuery
from boxship.engine.containers.placeholders import without_placeholders
from boxship.errors import InvalidParameterError

if TYPE_CHECKING:
    from boxship.engine import Engine

_KIND_NUMBER = {"C": 0, "A": 1, "D": 2}


async def container_list(request: Request, engine: "Engine") -> Response:
    """List containers, newest first."""
    query = request.query
    wanted = filters(query)
    for key in ("before", "since"):
        if value := query.text(key):
            wanted[key] = (value,)
    if ancestors := wanted.get("ancestor"):
        wanted["ancestor"] = _with_image_ids(engine, ancestors)
    limit = query.integer("limit", 0) or 0
    selected = engine.containers.select(
        ListQuery(all=query.flag("all"), limit=max(limit, 0), filters=wanted)
    )
    names = _ImageNames(engine)
    further = engine.containers.names_by_links()
    now_ns = time.time_ns()
    summaries = [
        summary_json(
            container,
            engine.networks.sandbox(container.id),
            names.shown(container),
            now_ns,
            request.version,
            engine.images.manifest_of(container.image_id),
        )
        for container in selected
    ]
    for summary in summaries:
        summary.names += further.get(summary.id, [])
    if query.flag("size"):
        await _add_sizes(engine, summaries)
    return json_response(summaries)


def _with_image_ids(engine: "Engine", names: tuple[str, ...]) -> tuple[str, ...]:
    """Add to each image name the id it has now: a container may know its image by another."""
    ids = (_image_id(engine, name) for name in names)
    return (*names, *filter(None, ids))


def _image_id(engine: "Engine", name: str) -> str:
    """Return the id of a named image, or nothing for a name that leads to none."""
    try:
        image = engine.images.find(name)
    except InvalidParameterError:
        return ""
    return image.id if image else ""


class _ImageNames:
    """The name that a list shows for an image: the user's, while it still means that image."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._id_by_name: dict[str, str] = {}

    def shown(self, container: Container) -> str:
        name = container.config.image
        if name not in self._id_by_name:
            self._id_by_name[name] = _image_id(self._engine, name)
        return name if self._id_by_name[name] == container.image_id else container.image_id


async def _add_sizes(engine: "Engine", summaries: list[Summary]) -> None:
    for summary in summaries:
        summary.size_rw, summary.size_root_fs = await _sizes(engine, summary.id)


async def _sizes(engine: "Engine", container_id: str) -> tuple[int, int]:
    storage = engine.storage
    own = await asyncio.to_thread(storage.container_size, container_id)
    whole = await asyncio.to_thread(storage.container_rootfs_size, container_id)
    return own, whole


async def container_create(request: Request, engine: "Engine") -> Response:
    """Make a container."""
    body = await request.json(CreateBody, required=True)
    if body == CreateBody(host_config=body.host_config, networking_config=body.networking_config):
        raise InvalidParameterError("config cannot be empty in order to create a container")
    query = request.query
    created = await engine.containers.create(
        container_request(body, query.text("name"), query.text("platform"), request.version)
    )
    return json_response(Created(id=created.id, warnings=list(created.warnings)), 201)


async def container_inspect(request: Request, engine: "Engine") -> Response:
    """Show one container in full."""
    container = engine.containers.get(request.params["id"])
    sizes = await _sizes(engine, container.id) if request.query.flag("size") else None
    driver, driver_data = engine.storage.graph_driver(container.id)
    facts = InspectFacts(
        defaults=engine.config.containers,
        sandbox=engine.networks.sandbox(container.id),
        log_path=engine.containers.log_path(container),
        files_dir=engine.containers.files_dir(container),
        driver=driver,
        driver_data=driver_data,
        apparmor_profile=engine.containers.apparmor_profile(container),
        links=engine.containers.links(container),
        exec_ids=tuple(engine.containers.execs.of_container(container.id)),
        manifest=engine.images.manifest_of(container.image_id),
        sizes=sizes,
    )
    return json_response(inspect_json(container, facts, request.version))


async def container_start(request: Request, engine: "Engine") -> Response:
    """Start a container."""
    await engine.containers.start(request.params["id"])
    return empty_response(204)


async def container_stop(request: Request, engine: "Engine") -> Response:
    """Stop a container."""
    query = request.query
    await engine.containers.stop(
        request.params["id"], signal=query.text("signal"), timeout_s=query.integer("t")
    )
    return empty_response(204)


async def container_restart(request: Request, engine: "Engine") -> Response:
    """Stop and start a container."""
    query = request.query
    await engine.containers.restart(
        request.params["id"], signal=query.text("signal"), timeout_s=query.integer("t")
    )
    return empty_response(204)


async def container_kill(request: Request, engine: "Engine") -> Response:
    """Send a signal."""
    await engine.containers.kill(request.params["id"], request.query.text("signal"))
    return empty_response(204)


async def container_pause(request: Request, engine: "Engine") -> Response:
    """Freeze a container."""
    await engine.containers.pause(request.params["id"])
    return empty_response(204)


async def container_unpause(request: Request, engine: "Engine") -> Response:
    """Let a frozen container go on."""
    await engine.containers.unpause(request.params["id"])
    return empty_response(204)


async def container_rename(request: Request, engine: "Engine") -> Response:
    """Give a container another name."""
    await engine.containers.rename(request.params["id"], request.query.text("name"))
    return empty_response(204)


async def container_delete(request: Request, engine: "Engine") -> Response:
    """Remove a container."""
    query = request.query
    await engine.containers.remove(
        request.params["id"],
        force=query.flag("force"),
        volumes=query.flag("v"),
        link=query.flag("link"),
    )
    return empty_response(204)


async def container_prune(request: Request, engine: "Engine") -> Response:
    """Remove all stopped containers."""
    wanted = filters(request.query)
    is_plan = request.query.flag("plan")
    containers = engine.containers
    pruned = await (containers.plan_prune(wanted) if is_plan else containers.prune(wanted))
    return json_response(
        ContainersPruned(containers_deleted=list(pruned.ids) or None, space_reclaimed=pruned.freed)
    )


async def container_update(request: Request, engine: "Engine") -> Response:
    """Change limits and restart policy of a container."""
    body = await request.json(UpdateBody, required=True)
    policy = body.restart_policy
    warnings = await engine.containers.update(
        request.params["id"],
        resources(body),
        restart_policy(policy) if policy is not None and policy.name else None,
    )
    return json_response(Updated(warnings=list(warnings) or None))


async def container_resize(request: Request, engine: "Engine") -> Response:
    """Resize a container's terminal."""
    rows, columns = terminal_size(request)
    await engine.containers.resize(request.params["id"], rows, columns)
    return empty_response(200)


def terminal_size(request: Request) -> tuple[int, int]:
    """Read ``h`` and ``w``: rows and columns, each from 0 to 65535."""
    rows = request.query.integer("h", 0) or 0
    columns = request.query.integer("w", 0) or 0
    if not (0 <= rows <= 65535 and 0 <= columns <= 65535):
        raise InvalidParameterError(f"invalid terminal size: {rows} rows, {columns} columns")
    return rows, columns


async def container_top(request: Request, engine: "Engine") -> Response:
    """List a container's processes."""
    top = await engine.containers.top(request.params["id"], request.query.text("ps_args"))
    return json_response(
        Processes(titles=list(top.titles), processes=[list(row) for row in top.processes])
    )


async def container_changes(request: Request, engine: "Engine") -> Response:
    """List what differs from the image."""
    container = engine.containers.get(request.params["id"])
    changes = await asyncio.to_thread(engine.storage.changes, container.id)
    shown = [
        Change(path=item.path, kind=_KIND_NUMBER[item.kind])
        for item in without_placeholders(changes)
    ]
    return json_response(shown or None)
