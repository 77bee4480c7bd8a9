"""Taking apart what a container had: after its end, and at its removal."""

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import suppress

from boxship.engine.containers import image_mounts, shallow_binds, shared
from boxship.engine.containers.container import Container, Status
from boxship.engine.containers.context import Context
from boxship.engine.containers.waiters import WaitResult
from boxship.errors import BoxshipError

REMOVE, REMOVE_WITH_VOLUMES = "remove", "remove with volumes"
"""Intents of a removal."""


async def release(context: Context, container: Container) -> None:
    """Give back what only a running container needs: network, volume mounts, root file system.

    Each step is idempotent, so that it may be repeated after a crash.
    """
    await context.networks.detach(container.id)
    await context.volumes.detach(container.id)
    shallow_binds.unplace(context, container.id)
    shared.unmount_shm(context, container)
    image_mounts.unmount_images(context, container)
    context.storage.unmount_container(container.id)


async def remove(context: Context, container: Container, *, volumes: bool) -> None:
    """Remove a container that does not run; the caller holds its lock."""
    intent = REMOVE_WITH_VOLUMES if volumes else REMOVE
    container = context.write_state(container, status=Status.REMOVING, intent=intent)
    await context.runtime.delete(container.id)
    await release(context, container)
    layers = _orphaned_layers(context, container)
    context.storage.remove_container(container.id)
    await _remove_volumes(context, container, anonymous=volumes)
    await asyncio.to_thread(_remove_files, context, container.id)
    with context.database.transaction() as tx:
        context.store.delete(tx, container.id)
        context.record(tx, container, "destroy")
    if layers:
        context.images.reclaim_layers(layers)
    context.locks.pop(container.id, None)
    context.waiters.removed(container.id, WaitResult(exit_code=container.state.exit_code))


def _orphaned_layers(context: Context, container: Container) -> tuple[str, ...]:
    """Return the layers under a container whose image was removed by force before it."""
    if context.images.find(container.image_id) is not None:
        return ()
    return context.storage.chain_of_container(container.id)


async def _remove_volumes(context: Context, container: Container, *, anonymous: bool) -> None:
    context.volumes.release(container.id)
    if anonymous:
        await remove_unused_volumes(
            context, [p.name for p in container.mounts if p.type == "volume"]
        )


async def remove_unused_volumes(context: Context, names: Sequence[str]) -> None:
    """Remove those of some volumes that are anonymous and used by no container any more."""
    for name in names:
        with suppress(BoxshipError):  # it is gone already, or in use
            if context.volumes.get(name).anonymous:
                await context.volumes.discard(name)


def _remove_files(context: Context, container_id: str) -> None:
    shutil.rmtree(context.bundle_dir(container_id), ignore_errors=True)
    shutil.rmtree(context.files_dir(container_id), ignore_errors=True)
