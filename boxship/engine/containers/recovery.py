"""What the engine finds when it starts: each container's state is made true again.

Exit file there: the task ended while we were away. Process there with the same start time: it is
supervised again. Neither: it is gone (exit code 137, with the reason). Then half-done acts are
finished or undone, networks restored, and restart policies applied.
"""

import logging

from boxship.engine.containers import networking, restart, teardown
from boxship.engine.containers.container import Container, Status
from boxship.engine.containers.context import Context
from boxship.engine.containers.lifecycle import is_alive
from boxship.engine.containers.runner import Runner
from boxship.engine.containers.setup import task_spec
from boxship.engine.networks.sandbox import SandboxSpec
from boxship.engine.runtime.task import TaskExit
from boxship.errors import BoxshipError, NotFoundError

logger = logging.getLogger(__name__)


async def recover(context: Context, runner: Runner) -> None:
    """Bring every container's state in line with the machine."""
    ended: dict[str, TaskExit] = {}
    live: list[Container] = []
    for container in context.store.all():
        if is_alive(container.state.status):
            result = await _adopt(context, container)
            if result is None:
                live.append(container)
            else:
                ended[container.id] = result
    await context.networks.restore(_sandboxes(context, live))
    for container in live:
        runner.watch(container)
    for container in context.store.all():
        await _settle(context, runner, container, ended.get(container.id))
    _collect_orphans(context)


async def _adopt(context: Context, container: Container) -> TaskExit | None:
    handle = container.state.task
    if handle is None:
        return TaskExit(exit_code=137, exited_at_ns=0, reason="its process is not known any more")
    return await context.runtime.adopt(task_spec(context, container), handle)


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
        await _apply_policy(context, runner, container)
    except BoxshipError as error:
        logger.warning("container %s could not be recovered: %s", container.name, error)


async def _finish_intent(context: Context, container: Container) -> None:
    """An interrupted start is undone, an interrupted removal is completed."""
    if container.state.intent == "remove":
        await teardown.remove(context, container, volumes=False)
        return
    if is_alive(container.state.status):
        context.write_state(container, intent="")
        return
    await context.runtime.delete(container.id)
    await teardown.release(context, container)
    if container.state.status != Status.RESTARTING:
        context.write_state(
            container,
            intent="",
            error="the engine was interrupted while it started this container; start it again",
        )


async def _apply_policy(context: Context, runner: Runner, container: Container) -> None:
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
        context.write_state(current, status=Status.RESTARTING)
        runner.schedule_restart(current, 0)


def _collect_orphans(context: Context) -> None:
    """Remove writable layers and files whose container was never recorded."""
    known = {container.id for container in context.store.all()}
    for container_id in set(context.storage.container_ids()) - known:
        context.storage.remove_container(container_id)
    for name in context.volumes.list_users() - known:
        context.volumes.release(name)
