"""``containers.commit``: an image out of what a container changed (docker commit)."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from boxship.engine.containers.container import Container, ContainerConfig, Status
from boxship.engine.containers.context import Context
from boxship.engine.containers.image_config import from_image, to_image, to_origin
from boxship.engine.containers.merge import complete
from boxship.engine.containers.placeholders import is_placeholder, without_placeholders
from boxship.engine.containers.runner import Runner
from boxship.engine.images.changes import apply_changes
from boxship.engine.images.image import Image
from boxship.engine.state.database import Transaction
from boxship.errors import BoxshipError, ConflictError, NotFoundError
from boxship.oci.image import ExecutionConfig

INTENT = "commit"
"""Of a container that was frozen to be committed, and is to go on afterwards."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRequest:
    """What is to be made of a container."""

    repository: str = ""
    """Name of the image, with or without a tag; empty for none."""
    tag: str = ""
    author: str = ""
    comment: str = ""
    pause: bool = True
    """Freeze a running container while its files are read."""
    changes: Sequence[str] = ()
    """Dockerfile instructions."""
    config: ContainerConfig | None = None
    """Stands above the container's own configuration, which fills what it leaves out."""


async def commit(
    context: Context, runner: Runner, container: Container, request: CommitRequest
) -> Image:
    """Make an image. See ContainerService.commit."""
    _check_state(container)
    try:
        return await _commit(context, runner, container, request)
    except FileNotFoundError:
        _check_state(context.current(container))  # it was removed while its files were read
        raise


async def _commit(
    context: Context, runner: Runner, container: Container, request: CommitRequest
) -> Image:
    execution = _execution(container.config, request)
    return await context.images.commit(
        lambda: context.storage.capture_changes(
            container.id,
            skip=is_placeholder,
            is_nothing=lambda changes: not without_placeholders(changes),
        ),
        base=container.image_id,
        execution=execution,
        repository=request.repository,
        tag=request.tag,
        author=request.author,
        comment=request.comment,
        created_by=" ".join(container.config.cmd or ()),
        container=container.id,
        container_config=to_origin(container.config),
        during=_frozen(context, runner, container, wanted=request.pause),
        record=_recorder(context, container, request.comment),
    )


def _check_state(container: Container) -> None:
    """Refuse, in Docker's words, what has or soon will have no files."""
    if container.state.status == Status.DEAD:
        raise ConflictError(f"You cannot commit container {container.id} which is Dead")
    if container.state.status == Status.REMOVING:
        raise ConflictError(f"You cannot commit container {container.id} which is being removed")


def _execution(own: ContainerConfig, request: CommitRequest) -> ExecutionConfig:
    """Apply the instructions, then fill from the container's configuration (Docker's order)."""
    changed = apply_changes(to_image(request.config or own), request.changes)
    return to_image(complete(from_image(changed), own))


def _recorder(
    context: Context, container: Container, comment: str
) -> Callable[[Transaction, str, str], None]:
    def record(tx: Transaction, image_id: str, name: str) -> None:
        """Note the commit, unless the container went meanwhile: its files were not all read."""
        try:
            current = context.current(container)
        except NotFoundError:
            raise ConflictError(
                f"You cannot commit container {container.id} which is being removed"
            ) from None
        _check_state(current)
        attributes = {"comment": comment, "imageID": image_id, "imageRef": name}
        context.record(tx, current, "commit", attributes)

    return record


@asynccontextmanager
async def _frozen(
    context: Context, runner: Runner, container: Container, *, wanted: bool
) -> AsyncIterator[None]:
    """Keep a running container from writing; one that cannot be frozen is read as it is."""
    paused = False
    if wanted and context.current(container).state.status == Status.RUNNING:
        try:
            await runner.pause(container)
            paused = True
            context.write_state(container, intent=INTENT)
        except BoxshipError as error:
            logger.warning("container %s is committed while it runs: %s", container.name, error)
    try:
        yield
    finally:
        if paused:
            with suppress(ConflictError, NotFoundError):  # it ended, or somebody let it go on
                await _thaw(context, runner, container)


async def _thaw(context: Context, runner: Runner, container: Container) -> None:
    if context.current(container).state.intent == INTENT:
        context.write_state(container, intent="")
    await runner.unpause(container)
