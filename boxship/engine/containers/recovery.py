"""What the engine finds when it starts: each container's state is made true again.

Exit file there: the task ended while we were away. Process there with the same start time: it is
supervised again. Neither: it is gone (exit code 137, with the reason). Then half-done acts are
finished or undone, networks restored, and restart policies applied.
"""

import logging
from dataclasses import dataclass, field

from boxship.engine.containers import commit, networking, restart, shallow_binds, teardown
from boxship.engine.containers.container import Container, Status
from boxship.engine.containers.context import Context
from boxship.engine.containers.lifecycle import is_alive
from boxship.engine.containers.runner import Runner
from boxship.engine.containers.setup import task_spec
from boxship.engine.networks.sandbox import SandboxSpec
from boxship.engine.runtime.task import TaskExit
from boxship.errors import BoxshipError, NotFoundError
from boxship.linux import pidfd

logger = logging.getLogger(__name__)

INTERRUPTED = "the engine was interrupted while it started this container; start it again"


@dataclass(slots=True)
class _Found:
    """The containers that have a task, by what became of it."""

    live: list[Container] = field(default_factory=list)
    ended: dict[str, TaskExit] = field(default_factory=dict)


async def recover(context: Context, runner: Runner) -> None:
    """Bring every container's state in line with the machine."""
    found = _Found()
    for container in context.store.all():
        try:
            await _take_up(context, runner, container, found)
        except (BoxshipError, OSError) as error:
            logger.error("container %s cannot be supervised: %s", container.name, error)
    await context.runtime.end_strays(context.config.exec_root / "containers")
    await context.networks.restore(_sandboxes(context, found.live))
    for container in found.live:
        runner.watch(container)
    for container in context.store.all():
        await _settle(context, runner, container, found.ended.get(container.id))
    await _collect_orphans(context)


async def _take_up(context: Context, runner: Runner, container: Container, found: _Found) -> None:
    """Find a container's task, if it had one."""
    state = container.state
    if not is_alive(state.status) and not (state.intent == "start" and state.task):
        return
    ended = await _adopt(context, container)
    if not is_alive(state.status) and state.task:
        # The engine was killed between the task's creation and noting that it was started.
        if ended is None and not await _has_started(context, container):
            return
        started_at_ns = pidfd.started_at_ns(state.task.pid_start_time)
        container = runner.write_started(container, state.task, started_at_ns)
    if ended is None:
        found.live.append(_with_true_status(context, container))
    else:
        found.ended[container.id] = ended


async def _adopt(context: Context, container: Container) -> TaskExit | None:
    handle = container.state.task
    if handle is None:
        return TaskExit(exit_code=137, exited_at_ns=0, reason="its process is not known any more")
    return await context.runtime.adopt(task_spec(context, container), handle)


async def _has_started(context: Context, container: Container) -> bool:
    try:
        return await context.runtime.has_started(container.id)
    except BoxshipError as error:
        logger.warning("container %s: its state is not known: %s", container.name, error)
        return False


def _with_true_status(context: Context, container: Container) -> Container:
    """Return the container, paused if it is frozen: the engine may have been killed between."""
    status = Status.PAUSED if context.runtime.is_paused(container.id) else Status.RUNNING
    if status == container.state.status:
        return container
    return context.write_state(container, status=status)


def _sandboxes(context: Context, live: list[Container]) -> dict[str, SandboxSpec]:
    specs: dict[str, SandboxSpec] = {}
    for container in live:
        try:
            specs[container.id] = networking.sandbox_spec(context, container)
        except BoxshipError as error:
            logger.warning("container %s: its network is gone: %s", container.name, error)
    return specs


async def _settle(
    context: Context, runner: Runner, container: Container, ended: TaskExit | None
) -> None:
    """Finish what was under way for one container."""
    try:
        async with context.lock(container.id):
            if ended is not None:
                await runner.finish(container, ended)
            elif container.state.intent:
                await _finish_intent(context, container)
            elif not is_alive(container.state.status) and context.storage.is_mounted(container.id):
                await teardown.release(context, container)
            await _apply_policy(context, runner, container)
    except (BoxshipError, OSError) as error:
        logger.warning("container %s could not be recovered: %s", container.name, error)


async def _finish_intent(context: Context, container: Container) -> None:
    """A start is undone, a removal is completed, what was frozen for a commit goes on."""
    intent = container.state.intent
    if intent in (teardown.REMOVE, teardown.REMOVE_WITH_VOLUMES):
        await teardown.remove(context, container, volumes=intent == teardown.REMOVE_WITH_VOLUMES)
        return
    if container.state.status == Status.PAUSED and intent == commit.INTENT:
        await context.runtime.unpause(container.id)
        context.write_state(container, intent="", status=Status.RUNNING)
        return
    if is_alive(container.state.status):
        context.write_state(container, intent="")
        return
    await context.runtime.delete(container.id)
    await teardown.release(context, container)
    if container.state.status == Status.RESTARTING:
        context.write_state(container, intent="", task=None)
    else:
        context.write_state(container, intent="", task=None, error=INTERRUPTED)


async def _apply_policy(context: Context, runner: Runner, container: Container) -> None:
    """Start what is to run, remove what is to be gone; the caller holds the lock."""
    try:
        current = context.current(container)
    except NotFoundError:
        return
    if is_alive(current.state.status):
        return
    if current.state.status == Status.RESTARTING:
        if not runner.is_restarting(current.id):
            runner.schedule_restart(current, 0)
    elif restart.should_start_with_engine(current):
        runner.start_with_engine(current)
    elif current.host.auto_remove:
        await teardown.remove(context, current, volumes=True)


async def _collect_orphans(context: Context) -> None:
    """Remove writable layers and volumes whose container was never recorded."""
    known = {container.id for container in context.store.all()}
    for container_id in set(context.storage.container_ids()) - known:
        context.storage.remove_container(container_id)
    for container_id in set(shallow_binds.owners(context)) - known:
        shallow_binds.unplace(context, container_id)
    for container_id in context.volumes.list_users() - known:
        await context.volumes.detach(container_id)
        await teardown.remove_unused_volumes(context, context.volumes.release(container_id))
