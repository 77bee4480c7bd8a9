"""``/boxship/volumes``: what Docker's API does not have (docs/api-extensions.md)."""

from contextlib import aclosing
from typing import TYPE_CHECKING

from boxship.api.convert.volumes import volume_json
from boxship.api.pump import from_loop, in_threads
from boxship.api.request import Request
from boxship.api.response import Response, empty_response, json_response
from boxship.api.schema.volume_extras import VolumeChange, VolumeCopied, VolumeCopyBody
from boxship.engine.storage.layers.pack import pack_for_sending
from boxship.errors import InvalidParameterError

if TYPE_CHECKING:
    from boxship.engine import Engine


async def volume_copy(request: Request, engine: "Engine") -> Response:
    """Make a volume of the files of another."""
    body = await request.json(VolumeCopyBody, required=True)
    name, extras = request.params["name"], engine.volumes.extras
    engine.volumes.get(name)
    if not body.snapshot and not body.target:
        raise InvalidParameterError("bad parameter: Target names no volume")
    async with engine.containers.paused(_writers(engine, name) if body.pause else []) as paused:
        if body.snapshot:
            copied = await extras.snapshot(name, body.target)
        else:
            copied = await extras.copy(name, body.target, body.labels or {})
    answer = VolumeCopied(
        volume=volume_json(copied.volume), method=copied.method, paused=list(paused)
    )
    return json_response(answer, 201)


async def volume_restore(request: Request, engine: "Engine") -> Response:
    """Replace a volume's files by copies of another's."""
    name = request.params["name"]
    engine.volumes.get(name)
    users = engine.volumes.users(name)
    engine.volumes.extras.check_free(name, engine.containers.running(users))
    await engine.volumes.extras.restore(name, _required(request, "from"))
    return empty_response(204)


async def volume_rename(request: Request, engine: "Engine") -> Response:
    """Give a volume another name."""
    renamed = engine.volumes.rename(request.params["name"], _required(request, "name"))
    return json_response(volume_json(renamed))


async def volume_diff(request: Request, engine: "Engine") -> Response:
    """Compare the files of two volumes."""
    changes = await engine.volumes.extras.diff(request.params["name"], _required(request, "with"))
    return json_response([VolumeChange(path=one.path, kind=one.kind) for one in changes])


async def volume_archive(request: Request, engine: "Engine") -> None:
    """Send the files of a volume as a tar."""
    name = request.params["name"]
    engine.volumes.get(name)
    writers = _writers(engine, name) if request.query.flag("pause") else []
    async with (
        engine.containers.paused(writers),
        engine.volumes.extras.held(name, "export") as place,
    ):
        stream = request.stream("application/x-tar")
        async with aclosing(in_threads(pack_for_sending(place))) as chunks:
            async for piece in chunks:
                if isinstance(piece, bytes):
                    await stream.write(piece)
                else:
                    await stream.write_file(piece.descriptor, piece.size)


async def put_volume_archive(request: Request, engine: "Engine") -> Response:
    """Unpack the body, a tar, into a volume; it is made if it is not there."""
    archive = from_loop(request.body())
    volume = await engine.volumes.extras.unpack_into(request.params["name"], archive)
    return json_response(volume_json(volume), 201)


def _writers(engine: "Engine", name: str) -> list[str]:
    return list(engine.volumes.users(name))


def _required(request: Request, key: str) -> str:
    value = request.query.text(key)
    if not value:
        raise InvalidParameterError(f"bad parameter: '{key}' names no volume")
    return value
