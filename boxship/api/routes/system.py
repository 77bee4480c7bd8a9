"""``/_ping``, ``/version``, ``/info``, ``/events``, ``/system/df`` and ``/auth``."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import cache
from typing import TYPE_CHECKING, cast

import msgspec

from boxship.api.components import program_version
from boxship.api.convert.disk_usage import disk_usage, wanted_kinds
from boxship.api.convert.events import event_json, event_media_type, event_prefix, is_told
from boxship.api.convert.filters import filters
from boxship.api.convert.system import Programs, info_json, version_json
from boxship.api.jsonbody import decode_json
from boxship.api.request import Request
from boxship.api.response import Response, json_response, text_response
from boxship.api.schema.system import AuthAnswer, AuthBody
from boxship.engine.events.event import Event
from boxship.errors import InvalidParameterError
from boxship.linux.host import Host, read_host
from boxship.units import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from boxship.engine import Engine

_PING_HEADERS = (
    ("Builder-Version", "1"),
    ("Swarm", "inactive"),
    ("Cache-Control", "no-cache, no-store, must-revalidate"),
    ("Pragma", "no-cache"),
)


async def system_ping(_request: Request, _engine: "Engine") -> Response:
    """Say that we are here, and how to talk to us."""
    return text_response("OK", 200, _PING_HEADERS)


async def system_ping_head(_request: Request, _engine: "Engine") -> Response:
    """Say the same in headers only."""
    return text_response("", 200, _PING_HEADERS)


async def system_version(request: Request, engine: "Engine") -> Response:
    """Tell versions."""
    programs = await _programs(engine)
    return json_response(version_json(_host(), request.facts, programs))


async def system_info(request: Request, engine: "Engine") -> Response:
    """Tell everything about the engine and its host."""
    programs = await _programs(engine)
    return json_response(info_json(engine, _host(), request.facts, programs, request.version))


@cache
def _host() -> Host:
    return read_host()


async def _programs(engine: "Engine") -> Programs:
    runtimes = engine.runtime.runtimes()
    runtime = runtimes.get(engine.config.default_runtime)
    runtime_answer, monitor_answer, init_answer = await asyncio.gather(
        program_version(runtime.path if runtime else engine.config.default_runtime),
        program_version(engine.runtime.host.conmon),
        program_version(engine.config.containers.init_path),
    )
    return Programs(runtime=runtime_answer, monitor=monitor_answer, init=init_answer)


# Events


async def system_events(request: Request, engine: "Engine") -> None:
    """Replay past events and follow the live ones."""
    since_ns, until_ns = _event_range(request)
    media_type = event_media_type(request.headers.get("accept", ""), request.version)
    prefix = event_prefix(media_type)
    stream = request.stream(media_type)
    events = engine.events.subscribe(since_ns, until_ns, filters(request.query))
    async with aclosing(cast("AsyncGenerator[Event]", events)):
        upcoming = asyncio.ensure_future(_next(events))
        try:
            # one turn of the loop: now we listen, or a bad filter has been refused
            await asyncio.wait({upcoming}, timeout=0)
            if not upcoming.done() or upcoming.exception() is None:
                await stream.start()
            while (event := await upcoming) is not None:
                if is_told(event, request.version):
                    document = msgspec.json.encode(event_json(event, request.version))
                    await stream.write(b"%b%b\n" % (prefix, document))
                upcoming = asyncio.ensure_future(_next(events))
        finally:
            # a client may leave at any of these steps, and take only this task with it
            upcoming.cancel()
            await asyncio.gather(upcoming, return_exceptions=True)


async def _next(events: AsyncIterator[Event]) -> Event | None:
    return await anext(events, None)


def _event_range(request: Request) -> tuple[int | None, int | None]:
    """Return since and until; with until alone, everything before it is meant."""
    now = time.time_ns()
    since_text, until_text = request.query.text("since"), request.query.text("until")
    since = parse_timestamp(since_text, now) if since_text else None
    until = parse_timestamp(until_text, now) if until_text else None
    if until is None:
        return since, None
    if since is not None and until < since:
        raise InvalidParameterError(
            f"`since` time ({since_text}) cannot be after `until` time ({until_text})"
        )
    return since or 0, until


# Disk usage and credentials


async def system_data_usage(request: Request, engine: "Engine") -> Response:
    """Tell how much space everything takes."""
    kinds = wanted_kinds(request.query.texts("type"), request.version)
    is_new = request.version >= (1, 52) and "verbose" in request.query
    usage = await disk_usage(
        engine,
        kinds,
        request.version,
        legacy=not is_new,
        verbose=request.query.flag("verbose"),
    )
    return json_response(usage)


async def system_auth(request: Request, engine: "Engine") -> Response:
    """Check credentials with their registry."""
    from boxship.engine.registry.auth import RegistryAuth
    from boxship.engine.registry.login import check_login

    body = decode_json(await request.read_body(), AuthBody)
    auth = RegistryAuth(
        username=body.username,
        password=body.password,
        identity_token=body.identitytoken,
        registry_token=body.registrytoken,
        server_address=body.serveraddress,
    )
    token = await asyncio.to_thread(check_login, engine.config.registry, auth)
    return json_response(AuthAnswer(status="Login Succeeded", identity_token=token))
