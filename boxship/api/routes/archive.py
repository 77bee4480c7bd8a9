"""``/containers/{id}/archive``: files in and out of containers."""

from contextlib import aclosing
from typing import TYPE_CHECKING

from boxship.api.convert.path_stat import path_stat_header
from boxship.api.pump import from_loop, in_threads
from boxship.api.request import Request
from boxship.api.response import Response, empty_response

if TYPE_CHECKING:
    from boxship.engine import Engine


async def container_archive_info(request: Request, engine: "Engine") -> Response:
    """Describe a path in a header."""
    path = request.query.text("path")
    found = await engine.containers.path_stat(request.params["id"], path)
    return empty_response(200, headers=(path_stat_header(found),))


async def container_archive(request: Request, engine: "Engine") -> None:
    """Send a path and all below it as a tar."""
    reference, path = request.params["id"], request.query.text("path")
    found = await engine.containers.path_stat(reference, path)
    stream = request.stream("application/x-tar", headers=(path_stat_header(found),))
    async with aclosing(in_threads(engine.containers.pack_path(reference, path))) as chunks:
        async for chunk in chunks:
            await stream.write(chunk)


async def put_container_archive(request: Request, engine: "Engine") -> Response:
    """Unpack the body, a tar, into a directory."""
    query = request.query
    await engine.containers.unpack_into(
        request.params["id"],
        query.text("path"),
        from_loop(request.body()),
        keep_kinds=query.flag("noOverwriteDirNonDir"),
        as_user=query.flag("copyUIDGID"),
    )
    return empty_response(200)
