"""``/commit``: an image out of a container."""

from typing import TYPE_CHECKING

from boxship.api.convert.container_config import container_config
from boxship.api.jsonbody import decode_json
from boxship.api.request import Request
from boxship.api.response import Response, json_response
from boxship.api.schema.container_config import Config
from boxship.api.schema.images import Committed
from boxship.engine.containers.commit import CommitRequest
from boxship.errors import NotFoundError

if TYPE_CHECKING:
    from boxship.engine import Engine


async def image_commit(request: Request, engine: "Engine") -> Response:
    """Make an image of a container's changes."""
    request.check_json_type()
    data = await request.read_body()
    body = decode_json(data, Config) if data.strip() else Config()
    query = request.query
    if not (reference := query.text("container")):
        raise NotFoundError("No such container: ")
    image = await engine.containers.commit(
        reference,
        CommitRequest(
            repository=query.text("repo"),
            tag=query.text("tag"),
            author=query.text("author"),
            comment=query.text("comment"),
            pause=query.flag("pause", default=True) or not query.text("pause"),
            changes=query.texts("changes"),
            config=None if body == Config() else container_config(body),
        ),
    )
    return json_response(Committed(id=image.id), 201)
