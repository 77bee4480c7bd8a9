"""From method and path to the operation and its handler.

How to write a handler (in ``routes/<module>.py``, named as its row in ``operations.py`` says)::

    async def container_stop(request: Request, engine: Engine) -> Response:
        timeout = request.query.integer("t")
        await engine.containers.stop(request.params["id"], timeout_s=timeout)
        return empty_response(204)

* ``request`` (``boxship.api.request.Request``): ``params``, ``query`` (text, texts, flag, integer,
  filters), ``headers``, ``version`` (an ApiVersion: compare with ``(1, 44)``), ``await
  request.json(Schema)``, ``async for chunk in request.body()``.
* Answer at hand: return ``json_response(obj, status)``, ``empty_response(status)`` or
  ``text_response(text)`` of ``boxship.api.response``.
* Answer that grows: ``stream = request.stream("application/json")``, ``await stream.write(data)``
  (see ``boxship.api.streams``), return None. The head goes out with the first write, or at once
  with ``await stream.start()``.
* Raw bytes in both directions: ``connection = await request.hijack(content_type)`` gives a
  ``boxship.api.channel.RawConnection`` (a ``boxship.wire.duplex.Duplex``); return None.
* Errors: raise ``boxship.errors`` classes; ``boxship.api.errors`` turns them into an answer, also
  inside a stream.
* A client that goes away cancels the handlers of rows whose ``follows`` is set, and only those.
"""

import importlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from boxship.api.errors import PageNotFoundError
from boxship.api.operations import OPERATIONS, Operation
from boxship.api.response import Response

if TYPE_CHECKING:
    from boxship.api.request import Request
    from boxship.engine import Engine

Handler = Callable[["Request", "Engine"], Awaitable[Response | None]]


class Match(NamedTuple):
    """The operation of a request and the values of its path's parameters."""

    operation: Operation
    params: dict[str, str]


class _Node:
    """A place in the tree of path segments, for one method."""

    __slots__ = ("greedy", "literals", "operation", "parameter")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.parameter: tuple[str, _Node] | None = None
        self.greedy: list[tuple[str, tuple[str, ...], Operation]] = []
        self.operation: Operation | None = None


class Router:
    """Finds operations; segments are literals first, then parameters, then greedy names."""

    def __init__(
        self,
        operations: Iterable[Operation] = OPERATIONS,
        handlers: Mapping[str, Handler] | None = None,
    ) -> None:
        """``handlers`` by operation name serve instead of those in ``routes/``."""
        self._roots: dict[str, _Node] = {}
        self._handlers: dict[str, Handler] = dict(handlers or {})
        for operation in operations:
            self._add(operation)

    def match(self, method: str, path: str) -> Match:
        """Find the operation for a decoded path without version prefix.

        Empty segments do not count: ``/containers//web/json`` is how clients ask for ``/web``.
        Raises PageNotFoundError, for a wrong method as well (as Docker does).
        """
        root = self._roots.get(method)
        segments = [segment for segment in path.split("/") if segment]
        found = _find(root, segments, 0, {}) if root else None
        if found is None:
            raise PageNotFoundError
        return found

    def handler(self, operation: Operation) -> Handler:
        """Return the operation's coroutine; its module is imported at the first call."""
        handler = self._handlers.get(operation.name)
        if handler is None:
            module = importlib.import_module(f"boxship.api.routes.{operation.module}")
            handler = cast(Handler, getattr(module, operation.handler_name))
            self._handlers[operation.name] = handler
        return handler

    def _add(self, operation: Operation) -> None:
        node = self._roots.setdefault(operation.method, _Node())
        segments = operation.path.strip("/").split("/")
        for index, segment in enumerate(segments):
            if segment.endswith("*}"):
                suffix = tuple(segments[index + 1 :])
                node.greedy.append((segment[1:-2], suffix, operation))
                node.greedy.sort(key=lambda entry: len(entry[1]), reverse=True)
                return
            node = _child(node, segment)
        node.operation = operation


def _child(node: _Node, segment: str) -> _Node:
    if not segment.startswith("{"):
        return node.literals.setdefault(segment, _Node())
    if node.parameter is None:
        node.parameter = (segment[1:-1], _Node())
    return node.parameter[1]


def _find(node: _Node, segments: list[str], index: int, params: dict[str, str]) -> Match | None:
    if index == len(segments):
        return Match(node.operation, params) if node.operation else None
    child = node.literals.get(segments[index])
    found = _find(child, segments, index + 1, params) if child else None
    if found is None and node.parameter is not None:
        name, child = node.parameter
        found = _find(child, segments, index + 1, {**params, name: segments[index]})
    return found or _find_greedy(node, segments[index:], params)


def _find_greedy(node: _Node, segments: list[str], params: dict[str, str]) -> Match | None:
    for name, suffix, operation in node.greedy:
        end = len(segments) - len(suffix)
        if end > 0 and tuple(segments[end:]) == suffix:
            return Match(operation, {**params, name: "/".join(segments[:end])})
    return None
