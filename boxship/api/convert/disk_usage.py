"""What takes how much space, as ``/system/df`` tells it."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from boxship.api.convert.container_summary import summary_json
from boxship.api.convert.images import image_summary_json
from boxship.api.convert.volumes import volume_json
from boxship.api.schema.containers import Summary
from boxship.api.schema.images import ImageSummary
from boxship.api.schema.system import DiskUsage, Usage
from boxship.api.schema.volumes import Volume, VolumeUsage
from boxship.api.versions import ApiVersion
from boxship.engine.containers.filters import ListQuery
from boxship.errors import InvalidParameterError

if TYPE_CHECKING:
    from boxship.engine import Engine

_KINDS: Final = frozenset({"container", "image", "volume", "build-cache"})
_ACTIVE_STATES: Final = frozenset({"running", "paused", "restarting"})


def wanted_kinds(names: Iterable[str], version: ApiVersion) -> frozenset[str]:
    """Return the kinds of objects that a client asks for; none named, or before 1.42: all.

    Raises InvalidParameterError for an unknown kind.
    """
    names = list(names)
    if version < (1, 42) or not names:
        return _KINDS
    for name in names:
        if name not in _KINDS:
            raise InvalidParameterError(f"unknown object type: {name}")
    return frozenset(names)


async def disk_usage(
    engine: "Engine", kinds: frozenset[str], version: ApiVersion, *, legacy: bool, verbose: bool
) -> DiskUsage:
    """Measure. ``legacy``: lists as before 1.52; else totals, with the objects if ``verbose``."""
    answer = DiskUsage()
    with_items = verbose and not legacy
    if "image" in kinds:
        images, layers_size = _images(engine, version), await _layers_size(engine)
        answer.image_usage = _image_usage(images, layers_size, with_items)
        if legacy:
            answer.images, answer.layers_size = images, layers_size
    if "container" in kinds:
        containers = await _containers(engine, version)
        answer.container_usage = _container_usage(containers, with_items)
        answer.containers = containers if legacy else UNSET
    if "volume" in kinds:
        volumes = await _volumes(engine)
        answer.volume_usage = _volume_usage(volumes, with_items)
        answer.volumes = volumes if legacy else UNSET
    if "build-cache" in kinds:
        answer.build_cache_usage = Usage(active_count=0, total_count=0, reclaimable=0, total_size=0)
        answer.build_cache = [] if legacy else UNSET
    return answer if version >= (1, 52) else _without_totals(answer)


def _without_totals(answer: DiskUsage) -> DiskUsage:
    answer.image_usage = answer.container_usage = UNSET
    answer.volume_usage = answer.build_cache_usage = UNSET
    return answer


def _images(engine: "Engine", version: ApiVersion) -> list[ImageSummary]:
    """List images with the bytes they share with others, and how many containers use them."""
    users = Counter(item.image_id for item in engine.containers.select(ListQuery(all=True)))
    summaries = []
    for item in engine.images.list({}, variants=True, shared_size=True):
        summary = image_summary_json(item, version)
        summary.containers = users[item.id]
        summaries.append(summary)
    return summaries


async def _layers_size(engine: "Engine") -> int:
    usage = await asyncio.to_thread(engine.storage.usage)
    return usage.layers


def _image_usage(images: list[ImageSummary], layers_size: int, with_items: bool) -> Usage:
    used = sum(image.size - max(image.shared_size, 0) for image in images if image.containers > 0)
    return Usage(
        active_count=sum(1 for image in images if image.containers > 0),
        total_count=len(images),
        reclaimable=max(0, layers_size - used),
        total_size=layers_size,
        items=list(images) if with_items else UNSET,
    )


async def _volumes(engine: "Engine") -> list[Volume]:
    volumes = []
    for volume in engine.volumes.list({}):
        size = await asyncio.to_thread(engine.volumes.size, volume.name)
        usage = VolumeUsage(ref_count=len(engine.volumes.users(volume.name)), size=size)
        volumes.append(volume_json(volume, usage))
    return volumes


def _volume_usage(volumes: list[Volume], with_items: bool) -> Usage:
    sizes = [
        (volume.usage_data.size, volume.usage_data.ref_count)
        for volume in volumes
        if volume.usage_data is not UNSET
    ]
    return Usage(
        active_count=sum(1 for _, users in sizes if users),
        total_count=len(volumes),
        reclaimable=sum(size for size, users in sizes if not users),
        total_size=sum(size for size, _ in sizes),
        items=list(volumes) if with_items else UNSET,
    )


async def _containers(engine: "Engine", version: ApiVersion) -> list[Summary]:
    now_ns = time.time_ns()
    summaries = []
    for container in engine.containers.select(ListQuery(all=True)):
        sandbox = engine.networks.sandbox(container.id)
        summary = summary_json(container, sandbox, container.config.image, now_ns, version)
        storage = engine.storage
        summary.size_rw = await asyncio.to_thread(storage.container_size, container.id)
        summary.size_root_fs = await asyncio.to_thread(storage.container_rootfs_size, container.id)
        summaries.append(summary)
    return summaries


def _container_usage(containers: list[Summary], with_items: bool) -> Usage:
    active = [item for item in containers if item.state in _ACTIVE_STATES]
    total = sum(item.size_rw or 0 for item in containers)
    return Usage(
        active_count=len(active),
        total_count=len(containers),
        reclaimable=total - sum(item.size_rw or 0 for item in active),
        total_size=total,
        items=list(containers) if with_items else UNSET,
    )
