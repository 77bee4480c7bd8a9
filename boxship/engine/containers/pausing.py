"""Holding containers still while somebody copies the files that they write."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from boxship.engine.containers.container import Container, Status
from boxship.engine.containers.context import Context
from boxship.engine.containers.lifecycle import is_alive
from boxship.engine.containers.runner import Runner
from boxship.errors import BoxshipError


def running(context: Context, ids: Sequence[str]) -> tuple[str, ...]:
    """Return those of some ids whose containers run, paused ones too."""
    return tuple(one.id for one in _known(context, ids) if is_alive(one.state.status))


@asynccontextmanager
async def paused(
    context: Context, runner: Runner, ids: Sequence[str]
) -> AsyncIterator[tuple[str, ...]]:
    """Pause those of some containers that run; let them go on at the end, whatever happens.

    One that is paused already stays so. One that ends in between is left alone.
    """
    held: list[Container] = []
    try:
        for container in _known(context, ids):
            if container.state.status is Status.RUNNING:
                await runner.pause(container)
                held.append(container)
        yield tuple(container.id for container in held)
    finally:
        for container in held:
            with suppress(BoxshipError):  # it has ended, or somebody let it go on
                await runner.unpause(context.current(container))


def _known(context: Context, ids: Sequence[str]) -> list[Container]:
    wanted = set(ids)
    return [container for container in context.store.all() if container.id in wanted]
