"""``/exec``: further processes in running containers."""

from typing import TYPE_CHECKING

from boxship.api.convert.exec import exec_json, exec_request
from boxship.api.errors import message_of
from boxship.api.request import Request
from boxship.api.response import Response, empty_response, json_response
from boxship.api.routes.container_streams import stream_type
from boxship.api.routes.containers import terminal_size
from boxship.api.schema.exec import ExecConfig, ExecCreated, ExecStartBody
from boxship.errors import BoxshipError
from boxship.wire import stdcopy

if TYPE_CHECKING:
    from boxship.engine import Engine


async def exec_create(request: Request, engine: "Engine") -> Response:
    """Prepare a further process in a container."""
    body = await request.json(ExecConfig, required=True)
    exec_id = engine.containers.exec_create(request.params["id"], exec_request(body))
    return json_response(ExecCreated(id=exec_id), 201)


async def exec_start(request: Request, engine: "Engine") -> Response | None:
    """Run it, joined with the connection or in the background.

    A command that cannot be executed is reported inside the stream, as Docker does: by then the
    connection is raw. Whether the stream is framed is said by this request, and may contradict
    what the session has: then also the output of a terminal is framed.
    """
    body = await request.json(ExecStartBody)
    session = engine.containers.execs.check_start(request.params["id"])
    if body.detach:
        await engine.containers.exec_start(session.id, None)
        return empty_response(200)
    size = _console_size(body) if session.request.tty else None
    framed = not body.tty
    connection = await request.hijack(stream_type(request, body.tty))
    try:
        await engine.containers.exec_start(session.id, connection, size, framed=framed)
    except BoxshipError as error:
        text = f"{message_of(error)}\r\n".encode()
        await connection.write(stdcopy.encode(stdcopy.STDOUT, text) if framed else text)
    return None


def _console_size(body: ExecStartBody) -> tuple[int, int] | None:
    size = body.console_size
    return (size[0], size[1]) if size and len(size) == 2 else None


async def exec_resize(request: Request, engine: "Engine") -> Response:
    """Resize the terminal of an exec session."""
    rows, columns = terminal_size(request)
    await engine.containers.exec_resize(request.params["id"], rows, columns)
    return empty_response(200)


async def exec_inspect(request: Request, engine: "Engine") -> Response:
    """Show an exec session."""
    return json_response(exec_json(engine.containers.exec_get(request.params["id"])))
