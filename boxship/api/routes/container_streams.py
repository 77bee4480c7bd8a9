"""``/containers/{id}``: what goes on for as long as its client wants."""

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from boxship.api.convert.container_wait import wait_json
from boxship.api.convert.detach_keys import parse_detach_keys
from boxship.api.convert.logs import LogEncoder
from boxship.api.convert.stats import stats_json
from boxship.api.pump import in_threads
from boxship.api.request import MULTIPLEXED_STREAM, RAW_STREAM, Request
from boxship.api.response import Response, json_response
from boxship.api.websocket import WebsocketDuplex, accept_header
from boxship.engine.containers.attach import AttachOptions
from boxship.engine.containers.logs import LogOptions
from boxship.errors import InvalidParameterError
from boxship.units import natural, parse_timestamp

if TYPE_CHECKING:
    from boxship.engine import Engine

_SAMPLE_INTERVAL_S = 1.0


def stream_type(request: Request, tty: bool) -> str:
    """Return the media type of a container's streams; clients before 1.42 know one only."""
    return RAW_STREAM if tty or request.version < (1, 42) else MULTIPLEXED_STREAM


async def container_logs(request: Request, engine: "Engine") -> None:
    """Send the log, then, when asked to follow, what is added to it."""
    query = request.query
    container = engine.containers.get(request.params["id"])
    options = LogOptions(
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        follow=query.flag("follow"),
        since_ns=_moment(request, "since"),
        until_ns=_moment(request, "until"),
        tail=_tail(query.text("tail")),
    )
    batches = engine.containers.logs(container.id, options)
    tty = container.config.tty
    encoder = LogEncoder(
        framed=not tty, timestamps=query.flag("timestamps"), details=query.flag("details")
    )
    stream = request.stream(stream_type(request, tty))
    await stream.start()
    async for batch in batches:
        await stream.write(encoder.encode(batch))


def _moment(request: Request, key: str) -> int:
    text = request.query.text(key)
    return parse_timestamp(text, time.time_ns()) if text else 0


def _tail(text: str) -> int | None:
    """Read the number of lines; anything else, such as ``all``, means all, as in Docker."""
    return natural(text)


async def container_attach(request: Request, engine: "Engine") -> None:
    """Join the connection with the container's streams."""
    options = _attach_options(request)
    container = engine.containers.check_attach(request.params["id"])
    # Nothing may be awaited between the head and the attachment's registration: a client starts
    # the container once it has seen the head, and must not miss its first bytes.
    connection = await request.hijack(stream_type(request, container.config.tty))
    await engine.containers.attach(container.id, options, connection)


async def container_attach_websocket(request: Request, engine: "Engine") -> None:
    """Join a websocket with the container's streams, stdout and stderr mixed."""
    options = _attach_options(request, framed=False)
    container = engine.containers.check_attach(request.params["id"])
    if request.wants_upgrade != "websocket":
        raise InvalidParameterError("this operation needs a websocket: send Upgrade: websocket")
    headers = accept_header(request.headers)
    connection = await request.hijack(None, headers)
    duplex = WebsocketDuplex(connection)
    await engine.containers.attach(container.id, options, duplex)
    await duplex.finish()


def _attach_options(request: Request, *, framed: bool = True) -> AttachOptions:
    query = request.query
    return AttachOptions(
        stdin=query.flag("stdin"),
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        logs=query.flag("logs"),
        stream=query.flag("stream"),
        detach_keys=parse_detach_keys(query.text("detachKeys")),
        framed=framed,
    )


async def container_wait(request: Request, engine: "Engine") -> None:
    """Answer when a container has ended; the head goes out at once, the body then."""
    waiting = engine.containers.waiter(request.params["id"], request.query.text("condition"))
    stream = request.stream("application/json")
    await stream.start()
    await stream.write_json(wait_json(await waiting))


async def container_stats(request: Request, engine: "Engine") -> Response | None:
    """Send counters once, or every second until the container is gone."""
    reference = request.params["id"]
    container = engine.containers.get(reference)
    if not request.query.flag("stream", default=True):
        previous = None
        if not request.query.flag("one-shot") and container.state.pid:
            previous = engine.containers.stats(container.id)
            await asyncio.sleep(_SAMPLE_INTERVAL_S)
        return json_response(stats_json(engine.containers.stats(container.id), previous))
    stream = request.stream("application/json")
    await stream.start()
    previous = None
    while True:
        sample = engine.containers.stats(container.id)
        await stream.write_json(stats_json(sample, previous))
        previous = sample
        await asyncio.sleep(_SAMPLE_INTERVAL_S)


async def container_export(request: Request, engine: "Engine") -> None:
    """Send the root file system as a tar."""
    container = engine.containers.get(request.params["id"])
    stream = request.stream("application/x-tar")
    async with aclosing(in_threads(engine.storage.export(container.id))) as chunks:
        async for piece in chunks:
            if isinstance(piece, bytes):
                await stream.write(piece)
            else:
                await stream.write_file(piece.descriptor, piece.size)
