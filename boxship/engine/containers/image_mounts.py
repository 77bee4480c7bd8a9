"""Images that are mounted into containers (``--mount type=image``), read-only as in Docker."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from boxship.engine.containers.container import Container, MountPoint
from boxship.engine.containers.context import Context
from boxship.errors import NotFoundError


async def mount_images(context: Context, container: Container) -> None:
    """Show each image at a place of the host, from which it is bound into the container.

    Raises NotFoundError for an image that was removed by force.
    """
    for point in _points(container):
        image = context.images.find(point.name)
        if image is None:
            raise NotFoundError(
                f"No such image: {point.name}: it is mounted at {point.destination}; pull it again"
            )
        target = host_path(context, container, point)
        target.mkdir(parents=True, exist_ok=True, mode=0o711)
        chain = image.chain_ids[-1] if image.chain_ids else None
        view_id = _view_id(container, point)
        await asyncio.to_thread(context.storage.mount_view, view_id, chain, target)


def unmount_images(context: Context, container: Container) -> None:
    """Undo ``mount_images``; harmless without it. [blocking, short]"""
    for point in _points(container):
        target = host_path(context, container, point)
        context.storage.unmount_view(_view_id(container, point), target)


def host_path(context: Context, container: Container, point: MountPoint) -> Path:
    """Return where the host shows an image that a container mounts."""
    number = container.mounts.index(point)
    return context.bundle_dir(container.id) / "images" / str(number)


def uses_image(container: Container, image_id: str) -> bool:
    """Tell whether a container was made from an image or mounts it."""
    mounted = (point.name for point in _points(container))
    return container.image_id == image_id or image_id in mounted


def _points(container: Container) -> Iterator[MountPoint]:
    return (point for point in container.mounts if point.type == "image")


def _view_id(container: Container, point: MountPoint) -> str:
    return f"{container.id}-{container.mounts.index(point)}"
