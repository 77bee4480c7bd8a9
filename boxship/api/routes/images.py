"""``/images``: what is here, and what comes and goes."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from boxship.api.convert.filters import filters, removed_first
from boxship.api.convert.images import (
    history_json,
    image_summary_json,
    inspect_json,
    removals_json,
)
from boxship.api.convert.platforms import platform_name
from boxship.api.convert.registry_auth import registry_auth
from boxship.api.progress import stream_progress
from boxship.api.request import Request
from boxship.api.response import Response, empty_response, json_response
from boxship.api.schema.images import ImagesPruned
from boxship.engine.images.image import Image, ProgressSink
from boxship.engine.images.save import Piece
from boxship.errors import InvalidParameterError
from boxship.reference import Reference, parse_normalized

if TYPE_CHECKING:
    from boxship.engine import Engine

_MANIFESTS_SINCE = (1, 47)


async def image_list(request: Request, engine: "Engine") -> Response:
    """List images, newest first."""
    query = request.query
    selected = engine.images.list(
        filters(query),
        all=query.flag("all"),
        shared_size=query.flag("shared-size"),
        manifests=query.flag("manifests") and request.version >= _MANIFESTS_SINCE,
    )
    return json_response([image_summary_json(image, request.version) for image in selected])


async def image_inspect(request: Request, engine: "Engine") -> Response:
    """Show one image in full."""
    name, query = request.params["name"], request.query
    platform = platform_name(query.text("platform"))
    with_manifests = query.flag("manifests")
    if platform and with_manifests:
        raise InvalidParameterError("conflicting options: manifests and platform options")
    image = engine.images.get(name, platform)
    answer = inspect_json(
        image,
        engine.storage.driver_name,
        request.version,
        engine.images.descriptor(name, image),
        engine.images.manifests(name, image) if with_manifests else None,
    )
    return json_response(answer)


async def image_history(request: Request, engine: "Engine") -> Response:
    """Show how an image was made."""
    platform = platform_name(request.query.text("platform"))
    items = engine.images.history(request.params["name"], platform)
    return json_response([history_json(item) for item in items])


async def image_tag(request: Request, engine: "Engine") -> Response:
    """Give an image one more name."""
    query = request.query
    target = parse_normalized(query.text("repo"))
    if tag := query.text("tag"):
        target = target.with_tag(tag)
    engine.images.tag(request.params["name"], str(target.with_default_tag()))
    return empty_response(201)


async def image_delete(request: Request, engine: "Engine") -> Response:
    """Remove a name of an image, and the image with its last name."""
    query = request.query
    removed = await engine.images.remove(
        request.params["name"],
        force=query.flag("force"),
        prune=not query.flag("noprune"),
        platforms=[platform_name(text) for text in query.texts("platforms")],
    )
    return json_response(removals_json(removed))


async def image_prune(request: Request, engine: "Engine") -> Response:
    """Remove unused images."""
    wanted = filters(request.query)
    if request.query.flag("plan"):
        report = await engine.images.plan_prune(wanted, removed_first(request.query))
    else:
        report = await engine.images.prune(wanted)
    return json_response(
        ImagesPruned(
            images_deleted=removals_json(report.removed) or None,
            space_reclaimed=report.space_reclaimed,
        )
    )


async def image_create(request: Request, engine: "Engine") -> None:
    """Pull an image from its registry, or import one from a tar in the body."""
    if source := request.query.text("fromSrc"):
        await _import(request, engine, source)
    else:
        await _pull(request, engine)


async def _pull(request: Request, engine: "Engine") -> None:
    query = request.query
    reference = _pulled(query.text("fromImage"), query.text("tag"))
    auth = registry_auth(request.headers.get("x-registry-auth", ""))

    async def pull(progress: ProgressSink) -> Image:
        return await engine.images.pull(
            str(reference),
            platform=query.text("platform"),
            auth=auth,
            progress=progress,
            all_tags=not (reference.tag or reference.digest),
        )

    await stream_progress(request, pull)


async def image_push(request: Request, engine: "Engine") -> None:
    """Push a tag of an image to its registry, or all tags where none is named."""
    query = request.query
    reference = parse_normalized(request.params["name"])
    if tag := query.text("tag"):
        reference = reference.with_tag(tag)
    auth = registry_auth(request.headers.get("x-registry-auth", ""))

    async def push(progress: ProgressSink) -> None:
        await engine.images.push(
            str(reference),
            platform=platform_name(query.text("platform")),
            auth=auth,
            progress=progress,
            all_tags=not (reference.tag or reference.digest),
        )

    await stream_progress(request, push)


def _pulled(name: str, tag: str) -> Reference:
    """Join ``fromImage`` and ``tag``, which may be a digest; without either all tags are meant."""
    if not name:
        raise InvalidParameterError("fromImage or fromSrc is required: name an image to pull")
    reference = parse_normalized(name)
    if not tag:
        return reference
    return reference.with_digest(tag) if ":" in tag else reference.with_tag(tag)


async def _import(request: Request, engine: "Engine", source: str) -> None:
    query = request.query

    async def import_image(progress: ProgressSink) -> object:
        return await engine.images.import_(
            request.raw_body() if source == "-" else source,
            repository=query.text("repo"),
            tag=query.text("tag"),
            message=query.text("message"),
            changes=query.texts("changes"),
            platform=query.text("platform"),
            progress=progress,
        )

    await stream_progress(request, import_image)


async def image_load(request: Request, engine: "Engine") -> None:
    """Take images out of an archive in the body; as in Docker, all errors come in the stream."""
    quiet = request.query.flag("quiet", default=True)

    async def load(progress: ProgressSink) -> object:
        return await engine.images.load(
            request.body(),
            platform=request.query.text("platform"),
            quiet=quiet,
            progress=progress,
        )

    await stream_progress(request, load, always_in_stream=True)


async def image_get(request: Request, engine: "Engine") -> None:
    """Send one image as an archive."""
    await _send_archive(request, await _saved(request, engine, [request.params["name"]]))


async def image_get_all(request: Request, engine: "Engine") -> None:
    """Send several images as one archive."""
    names = [name for text in request.query.texts("names") for name in text.split(",") if name]
    if not names:
        raise InvalidParameterError("no image was named: give at least one in the query names")
    await _send_archive(request, await _saved(request, engine, names))


async def _saved(request: Request, engine: "Engine", names: list[str]) -> AsyncIterator[Piece]:
    platforms = [platform_name(text) for text in request.query.texts("platform") if text]
    return await engine.images.save(names, platforms)


async def _send_archive(request: Request, pieces: AsyncIterator[Piece]) -> None:
    """Send an archive, whole files of it by the kernel."""
    stream = request.stream("application/x-tar")
    async for piece in pieces:
        if isinstance(piece, bytes):
            await stream.write(piece)
        else:
            with piece.path.open("rb", buffering=0) as file:
                await stream.write_file(file.fileno(), piece.size)
