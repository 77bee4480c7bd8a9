"""``containers.create``: from a request to a container that can be started."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from boxship.engine.containers import links, networking, platforms
from boxship.engine.containers.container import (
    Container,
    ContainerRequest,
    HostConfig,
    MountPoint,
)
from boxship.engine.containers.context import Context
from boxship.engine.containers.image_config import from_image
from boxship.engine.containers.merge import command_line, merge
from boxship.engine.containers.mounts import Resolver, make_plugin_volumes
from boxship.engine.containers.teardown import remove_unused_volumes
from boxship.engine.containers.validate import validate
from boxship.engine.images.image import Image
from boxship.errors import BoxshipError
from boxship.ids import new_id
from boxship.names import random_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The answer to a creation."""

    id: str
    warnings: tuple[str, ...] = ()


async def create(context: Context, request: ContainerRequest) -> Created:
    """Make a container; on failure everything made for it is taken back."""
    warnings = validate(request)
    context.storage.check_container_options(request.host.storage_opt)
    image = context.images.get(request.config.image, request.platform)
    runtime = request.host.runtime or context.config.default_runtime
    warnings += platforms.check(image, request.platform, runtime)
    container = _build(context, request, image)
    context.store.check_name_free(container.name)
    chain_id = image.chain_ids[-1] if image.chain_ids else None
    async with context.images.layers_kept(image):
        await asyncio.to_thread(context.storage.create_container, container.id, chain_id)
        try:
            container = await _with_mounts(context, container)
            _insert(context, container)
        except BaseException:
            await _undo(context, container)
            raise
    return Created(id=container.id, warnings=tuple(warnings))


def _build(context: Context, request: ContainerRequest, image: Image) -> Container:
    config = merge(request.config, from_image(image.config.config))
    runtime = request.host.runtime or context.config.default_runtime
    context.runtime.check_runtime(runtime)
    context.runtime.check_cgroup_parent(request.host.resources.cgroup_parent)
    network_mode = _network_mode(context, request.host.network_mode)
    words = command_line(config)
    return Container(
        id=new_id(),
        name=request.name.removeprefix("/") or _free_name(context),
        created_at_ns=time.time_ns(),
        config=config,
        host=replace(
            request.host,
            network_mode=network_mode,
            links=links.resolve(context, request.host),
            runtime=runtime,
            shm_size=request.host.shm_size or context.config.containers.shm_size,
            **_logging(context, request.host),
        ),
        endpoints=networking.endpoints(network_mode, request.endpoints, config.mac_address),
        mounts=(),
        image_id=image.id,
        image_platform=image.config.platform.text,
        runtime=runtime,
        path=words[0],
        args=words[1:],
        owner=request.owner,
        files=request.files,
    )


def _logging(context: Context, host: HostConfig) -> dict[str, Any]:
    """The engine's log options go with the engine's driver only, as in Docker."""
    defaults = context.config.containers
    if host.log_driver not in ("", defaults.log_driver):
        return {}
    return {
        "log_driver": defaults.log_driver,
        "log_opts": {**defaults.log_opts, **host.log_opts},
    }


def _network_mode(context: Context, network_mode: str) -> str:
    """Name a joined container by its id, so that it is found after a rename."""
    if network_mode.startswith("container:"):
        return f"container:{context.store.get(network_mode.partition(':')[2]).id}"
    return network_mode or "default"


def _free_name(context: Context) -> str:
    attempt = 0
    while context.store.has_name(name := random_name(attempt)):
        attempt += 1
    return name


async def _with_mounts(context: Context, container: Container) -> Container:
    """Resolve the mounts; volumes that are new and empty get the image's content."""
    made: list[str] = []
    try:
        names = await make_plugin_volumes(context, container, made)
        points = Resolver(context, container, names, made).resolve()
        fresh = [point for point in points if point.type == "volume" and not point.no_copy]
        if fresh:
            await _copy_up(context, container, fresh)
    except BaseException:
        await _discard(context, container, made)
        raise
    return replace(container, mounts=points)


async def _discard(context: Context, container: Container, made: list[str]) -> None:
    """Remove the volumes that were made for a creation that fails, unless somebody took one."""
    await remove_unused_volumes(context, context.volumes.release(container.id))
    for name in made:
        with suppress(BoxshipError):  # it is gone, or in use
            await context.volumes.discard(name)


async def _copy_up(context: Context, container: Container, points: list[MountPoint]) -> None:
    rootfs = await asyncio.to_thread(context.storage.mount_container, container.id)
    try:
        for point in points:
            await asyncio.to_thread(context.volumes.copy_up, point.name, rootfs, point.destination)
    finally:
        await asyncio.to_thread(context.storage.unmount_container, container.id)


def _insert(context: Context, container: Container) -> None:
    with context.database.transaction() as tx:
        context.store.insert(tx, container)
        context.record(tx, container, "create")


async def _undo(context: Context, container: Container) -> None:
    await remove_unused_volumes(context, context.volumes.release(container.id))
    await asyncio.to_thread(context.storage.remove_container, container.id)
