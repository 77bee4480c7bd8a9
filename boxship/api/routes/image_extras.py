"""``/boxship/images``: what Docker's API does not have (docs/api-extensions.md)."""

from typing import TYPE_CHECKING

from boxship.api.convert.image_extras import difference_json, files_json, mount_json, waste_json
from boxship.api.progress import stream_progress
from boxship.api.request import Request
from boxship.api.response import Response, json_response
from boxship.api.schema.image_extras import BootstrapRequest, ImageMade
from boxship.engine.images.bootstrap.recipe import make_recipe
from boxship.engine.images.image import ProgressSink
from boxship.errors import InvalidParameterError

if TYPE_CHECKING:
    from boxship.engine import Engine


async def image_diff(request: Request, engine: "Engine") -> Response:
    """Compare two images."""
    other = _required(request, "with", "the image to compare with")
    found = await engine.images.extras.diff(request.params["name"], other)
    return json_response(difference_json(found))


async def image_files(request: Request, engine: "Engine") -> Response:
    """List the files of an image."""
    listing = await engine.images.extras.files(
        request.params["name"],
        request.query.text("path"),
        versions=request.query.flag("layers"),
    )
    return json_response(files_json(listing))


async def image_waste(request: Request, engine: "Engine") -> Response:
    """Show what an image's layers hide."""
    min_size = request.query.integer("min-size", 0) or 0
    waste = await engine.images.extras.waste(request.params["name"], min_size=min_size)
    return json_response(waste_json(waste))


async def image_squash(request: Request, engine: "Engine") -> Response:
    """Merge the layers above a base into one, as a new image."""
    base = _required(request, "from", "the base whose layers stay")
    image = await engine.images.extras.squash(request.params["name"], base, request.query.text("t"))
    return json_response(ImageMade(id=image.id), 201)


async def image_mount(request: Request, engine: "Engine") -> Response:
    """Show an image's root filesystem on the engine's host."""
    mount = await engine.images.extras.mounter.mount(
        request.params["name"], request.query.text("path")
    )
    return json_response(mount_json(mount, engine.images.find(mount.image_id)), 201)


async def image_mounts(_request: Request, engine: "Engine") -> Response:
    """List mounted images."""
    mounts = engine.images.extras.mounter.mounts()
    return json_response([mount_json(one, engine.images.find(one.image_id)) for one in mounts])


async def image_unmount(request: Request, engine: "Engine") -> Response:
    """Undo the mount at a path, or all mounts of an image."""
    undone = await engine.images.extras.mounter.unmount(
        _required(request, "ref", "an image, or the path at which it is mounted")
    )
    return json_response([mount_json(one, engine.images.find(one.image_id)) for one in undone])


async def image_bootstrap(request: Request, engine: "Engine") -> None:
    """Make a base image out of packages."""
    wanted = await request.json(BootstrapRequest, required=True)
    recipe = make_recipe(
        wanted.source,
        platforms=wanted.platforms,
        packages=wanted.packages,
        variant=wanted.variant,
        mirror=wanted.mirror,
        components=wanted.components,
        epoch=wanted.epoch,
        changes=wanted.changes,
    )

    async def bootstrap(progress: ProgressSink) -> object:
        return await engine.images.extras.bootstrap(recipe, wanted.name, progress=progress)

    await stream_progress(request, bootstrap)


def _required(request: Request, key: str, what: str) -> str:
    value = request.query.text(key)
    if not value:
        raise InvalidParameterError(f"{key} is required: {what}")
    return value
