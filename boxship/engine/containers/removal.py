"""Removing, renaming, updating and pruning containers."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from boxship.engine.containers import teardown
from boxship.engine.containers.container import Container, RestartPolicy, Status
from boxship.engine.containers.context import Context
from boxship.engine.containers.filters import has_labels
from boxship.engine.containers.lifecycle import is_alive, next_status
from boxship.engine.containers.runner import Runner
from boxship.engine.containers.validate import check_name, check_restart_policy
from boxship.engine.containers.validate_resources import check_resources
from boxship.engine.runtime.workload import Resources
from boxship.errors import BoxshipError, ConflictError, InvalidParameterError
from boxship.units import parse_timestamp

Filters = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a prune removed, and the bytes that it freed."""

    ids: tuple[str, ...]
    freed: int


async def remove(
    context: Context, runner: Runner, container: Container, *, force: bool, volumes: bool
) -> None:
    """Remove a container. See ContainerService.remove."""
    active = is_alive(container.state.status) or container.state.status == Status.RESTARTING
    if active and not force:
        next_status("remove", container)
    gone = context.waiters.for_removal(container.id)
    if active:
        await runner.kill_and_wait(container)
    async with context.lock(container.id):
        if gone.done():
            return
        gone.cancel()
        current = context.current(container)
        next_status("remove", current)
        await teardown.remove(context, current, volumes=volumes)


async def rename(context: Context, container: Container, name: str) -> None:
    """Rename a container. See ContainerService.rename."""
    name = name.removeprefix("/")
    if not name:
        raise InvalidParameterError("Neither old nor new names may be empty")
    if name == container.name:
        raise InvalidParameterError("Renaming a container with the same name as its current name")
    check_name(name)
    async with context.lock(container.id):
        current = context.current(container)
        context.store.check_name_free(name)
        renamed = replace(current, name=name)
        await context.networks.rename(container.id, name)
        with context.database.transaction() as tx:
            context.store.update(tx, renamed)
            context.record(tx, renamed, "rename", {"oldName": f"/{current.name}"})


async def update(
    context: Context,
    container: Container,
    resources: Resources,
    restart_policy: RestartPolicy | None,
) -> list[str]:
    """Change limits and restart policy. See ContainerService.update."""
    async with context.lock(container.id):
        current = context.current(container)
        if current.state.status in (Status.REMOVING, Status.DEAD):
            raise ConflictError(
                f'Container is marked for removal and cannot be "update": {container.id}'
            )
        if restart_policy is not None and current.host.auto_remove and restart_policy.name != "no":
            raise InvalidParameterError(
                "Restart policy cannot be updated because AutoRemove is enabled for the container"
            )
        policy = restart_policy or current.host.restart_policy
        merged = _merge_resources(current.host.resources, resources)
        check_restart_policy(policy)
        warnings = check_resources(merged)
        host = replace(current.host, resources=merged, restart_policy=policy)
        if is_alive(current.state.status) and merged != current.host.resources:
            await context.runtime.update(container.id, merged)
        updated = replace(current, host=host)
        with context.database.transaction() as tx:
            context.store.update(tx, updated)
            context.record(tx, updated, "update")
    return warnings


def _merge_resources(current: Resources, wanted: Resources) -> Resources:
    """Keep what ``wanted`` leaves at its default."""
    unset = Resources()
    changes = {
        name: value
        for name in Resources.__slots__
        if (value := getattr(wanted, name)) != getattr(unset, name)
    }
    return replace(current, **changes)


async def prune(context: Context, runner: Runner, filters: Filters) -> Pruned:
    """Remove all stopped containers that pass. See ContainerService.prune."""
    ids: list[str] = []
    freed = 0
    for container in _prunable(context, filters):
        size = await asyncio.to_thread(context.storage.container_size, container.id)
        try:
            await remove(context, runner, container, force=False, volumes=False)
        except BoxshipError:
            continue
        ids.append(container.id)
        freed += size
    context.events.emit("container", "prune", "", {"reclaimed": str(freed)})
    return Pruned(ids=tuple(ids), freed=freed)


async def plan_prune(context: Context, filters: Filters) -> Pruned:
    """Return what ``prune`` would do, and do nothing."""
    ids = [container.id for container in _prunable(context, filters)]
    sizes = [await asyncio.to_thread(context.storage.container_size, one) for one in ids]
    return Pruned(ids=tuple(ids), freed=sum(sizes))


def _prunable(context: Context, filters: Filters) -> list[Container]:
    passes = _prune_test(filters)
    stopped = (Status.CREATED, Status.EXITED, Status.DEAD)
    found = (container for container in context.store.all() if passes(container))
    return [container for container in found if container.state.status in stopped]


def _prune_test(filters: Filters) -> Callable[[Container], bool]:
    """Return what tells whether a container may go. Raises InvalidParameterError."""
    for key in filters:
        if key not in ("until", "label", "label!"):
            raise InvalidParameterError(f"invalid filter '{key}'")
    now = time.time_ns()
    before = min((parse_timestamp(text, now) for text in filters.get("until", ())), default=now)
    wanted, unwanted = filters.get("label", ()), filters.get("label!", ())

    def test(container: Container) -> bool:
        labels = container.config.labels
        kept = any(has_labels(labels, (label,)) for label in unwanted)
        return container.created_at_ns <= before and has_labels(labels, wanted) and not kept

    return test
