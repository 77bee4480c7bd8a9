"""Making base images: the engine's side of ``boxship image bootstrap``."""

import asyncio
import hashlib
import shlex
from collections.abc import Callable

from msgspec.structs import replace

from boxship.engine.images.bootstrap.build import Builder, Built
from boxship.engine.images.bootstrap.busybox import CREATED, busybox_config
from boxship.engine.images.bootstrap.recipe import Recipe
from boxship.engine.images.changes import apply_changes
from boxship.engine.images.image import Image, Progress, ProgressSink
from boxship.engine.images.making import ImageMaker
from boxship.engine.images.reclaim import Lease, Reclaimer
from boxship.engine.images.unpacking import wait_for_thread
from boxship.engine.images.workers import Workers
from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.storage.errors import disk_errors
from boxship.engine.storage.service import StorageService
from boxship.oci.image import ExecutionConfig, History, ImageConfig, RootFs
from boxship.oci.platform import Platform
from boxship.reference import Reference
from boxship.units import SECOND, format_timestamp_ns

UNCONFIGURED = "boxship.bootstrap.unconfigured"
"""Label of an image whose packages' scripts could not run on the machine that made it."""


class Bootstrapper:
    """Makes base images, all or nothing."""

    def __init__(
        self,
        *,
        storage: StorageService,
        reclaimer: Reclaimer,
        maker: ImageMaker,
        workers: Workers,
    ) -> None:
        self._storage = storage
        self._reclaimer = reclaimer
        self._maker = maker
        self._workers = workers

    async def bootstrap(
        self, recipe: Recipe, target: Reference | None, progress: ProgressSink
    ) -> list[Image]:
        """Make an image for each platform; with several, the name leads to an index of them.

        Nothing is left when it fails or the caller is cancelled. Raises what ``Builder.build``
        does.
        """
        apply_changes(ExecutionConfig(), recipe.changes)  # a mistake there shows at once
        async with self._reclaimer.lease() as lease:
            images = [
                await self._one(recipe, platform, self._name(recipe, target), lease, progress)
                for platform in recipe.platforms
            ]
            if target is not None and len(images) > 1:
                await self._maker.index(images, target, lease)
            for image in images:
                progress(Progress(aux={"ID": image.id}))
            return images

    def _name(self, recipe: Recipe, target: Reference | None) -> Reference | None:
        return target if len(recipe.platforms) == 1 else None

    async def _one(
        self,
        recipe: Recipe,
        platform: Platform,
        target: Reference | None,
        lease: Lease,
        progress: ProgressSink,
    ) -> Image:
        loop = asyncio.get_running_loop()
        cancellation = Cancellation()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(progress, Progress(status=text))

        with self._storage.scratch() as work:
            built = await self._in_thread(
                lambda: Builder(recipe, platform, work, cancellation, say).build(), cancellation
            )
            progress(Progress(status="Storing the image"))
            layer = await self._maker.add_layer(built.open_tar, None, lease)
        config = _config(recipe, platform, built, layer.diff_id)
        return await self._maker.finish(config, (layer,), target, "bootstrap", lease)

    async def _in_thread(self, build: Callable[[], Built], cancellation: Cancellation) -> Built:
        results: list[Built] = []

        def work() -> None:
            with disk_errors("making an image", self._storage.data_root):
                results.append(build())

        await wait_for_thread(self._workers, work, cancellation)
        return results[0]


def _config(recipe: Recipe, platform: Platform, built: Built, diff_id: str) -> ImageConfig:
    """Describe the image; nothing in it depends on when or where it is made."""
    created = CREATED if built.epoch is None else format_timestamp_ns(built.epoch * SECOND)
    execution = replace(busybox_config(), cmd=[built.shell])
    if not built.configured and recipe.variant != "custom":
        execution = replace(execution, labels={UNCONFIGURED: "true"})
    execution = apply_changes(execution, recipe.changes)
    step = "layer 1" if recipe.distribution == "busybox" else _command(recipe)
    comment = _comment(built)
    return ImageConfig(
        created=created,
        architecture=platform.architecture,
        variant=platform.variant,
        os="linux",
        config=execution,
        rootfs=RootFs(diff_ids=[diff_id]),
        history=[History(created=created, created_by=step, comment=comment)],
    )


def _command(recipe: Recipe) -> str:
    words = ["bootstrap", recipe.title, "--variant", recipe.variant]
    for package in recipe.packages:
        words += ["--package", package]
    return shlex.join(words)


def _comment(built: Built) -> str:
    """Name the set of packages: equal sets give equal images."""
    if not built.packages:
        return ""
    digest = hashlib.sha256("\n".join(built.packages).encode()).hexdigest()
    return f"{len(built.packages)} packages, sha256:{digest}"
