"""The registry on HTTP: from a request to its handler, with the client's rights checked."""

import logging
from collections.abc import Awaitable
from typing import Final

from boxship import __version__
from boxship.api.registry import blobs, discovery, manifests, uploads
from boxship.api.registry.call import Call, Handler
from boxship.api.registry.errors import AnswerError, NoSuchPathError, fault_response, status_of
from boxship.api.registry.paths import Target, parse_path
from boxship.api.registry.tokens import token_get
from boxship.api.request import Request
from boxship.api.response import Headers, Response
from boxship.api.server import HttpServer
from boxship.engine.registry.server.access import (
    CATALOG,
    DELETE,
    PULL,
    PUSH,
    TOKEN_PATH,
    Authority,
    Grant,
)
from boxship.engine.registry.server.faults import (
    DeniedError,
    RegistryFaultError,
    UnauthorizedError,
    UnsupportedError,
)
from boxship.engine.registry.server.service import Registry

_log = logging.getLogger(__name__)
_access_log = logging.getLogger("boxship.registry.access")

HANDLERS: Final[dict[str, dict[str, tuple[str, Handler]]]] = {
    "base": {"GET": ("", discovery.base), "HEAD": ("", discovery.base)},
    "catalog": {"GET": (CATALOG, discovery.catalog_list)},
    "tags": {"GET": (PULL, discovery.tags_list), "HEAD": (PULL, discovery.tags_list)},
    "listing": {"GET": (PULL, discovery.tags_listing)},
    "referrers": {"GET": (PULL, discovery.referrers_list)},
    "manifest": {
        "GET": (PULL, manifests.manifest_get),
        "HEAD": (PULL, manifests.manifest_get),
        "PUT": (PUSH, manifests.manifest_put),
        "DELETE": (DELETE, manifests.manifest_delete),
    },
    "blob": {
        "GET": (PULL, blobs.blob_get),
        "HEAD": (PULL, blobs.blob_head),
        "DELETE": (DELETE, blobs.blob_delete),
    },
    "uploads": {"POST": (PUSH, uploads.upload_begin)},
    "upload": {
        "GET": (PUSH, uploads.upload_status),
        "HEAD": (PUSH, uploads.upload_status),
        "PATCH": (PUSH, uploads.upload_piece),
        "PUT": (PUSH, uploads.upload_finish),
        "DELETE": (PUSH, uploads.upload_cancel),
    },
}
"""By kind of target and method: the right that is needed (empty: to be known), the handler."""


class RegistryServer(HttpServer):
    """Serves one registry."""

    def __init__(self, registry: Registry, authority: Authority) -> None:
        super().__init__()
        self._registry = registry
        self._authority = authority

    @property
    def common_headers(self) -> Headers:
        """Headers of every answer."""
        return (
            ("Docker-Distribution-Api-Version", "registry/2.0"),
            ("Server", f"Boxship/{__version__}"),
            ("X-Content-Type-Options", "nosniff"),
        )

    def answer(self, request: Request) -> Awaitable[Response | None]:
        """Serve a request."""
        return self._answer(request)

    async def _answer(self, request: Request) -> Response | None:
        if request.path == TOKEN_PATH and self._authority.issuer:
            return await token_get(request, self._authority.issuer)
        target = parse_path(request.path)
        if target is None:
            raise NoSuchPathError(f"nothing is served at {request.path[:200]!r}")
        action, handler = _handler(request.method, target)
        grant = await self._grant(request, target, action)
        response = await handler(Call(request, target, self._registry, grant))
        if request.method == "HEAD" and response is not None and response.body:
            return _without_body(response)
        return response

    async def _grant(self, request: Request, target: Target, action: str) -> Grant:
        """Return the client's rights. Raises AnswerError with a challenge, or DeniedError."""
        try:
            grant = await self._authority.grant(request.headers.get("authorization", ""))
        except UnauthorizedError as fault:
            raise self._challenged(request, target, action, fault, "invalid_token") from None
        if grant.allows(target.name, action) if action else grant.is_known:
            return grant
        if grant.is_known and not self._authority.retries_refused:
            raise DeniedError(f"requested access to the resource is denied: {action}")
        error = "insufficient_scope" if grant.is_known else ""
        refusal = UnauthorizedError("authentication required")
        raise self._challenged(request, target, action, refusal, error)

    def _challenged(
        self, request: Request, target: Target, action: str, fault: UnauthorizedError, error: str
    ) -> AnswerError:
        scheme = "https" if request.encrypted else "http"
        scheme = request.headers.get("x-forwarded-proto", scheme)
        origin = f"{scheme}://{request.headers.get('host', '')}"
        challenge = self._authority.challenge(target.name, action, origin, error)
        return AnswerError(fault, (("WWW-Authenticate", challenge),))

    def failed(self, request: Request, error: Exception) -> None:
        """Log what is the registry's own failure."""
        if status_of(error) >= 500:
            unexpected = None if isinstance(error, RegistryFaultError) else error
            _log.error(
                "%s %s failed: %s", request.method, _plain(request.path), error, exc_info=unexpected
            )

    def error_response(self, error: BaseException) -> Response:
        """Answer with the specification's error document."""
        return fault_response(error)

    def answered(self, request: Request, status: int, seconds: float, sent: int) -> None:
        """Write the access log: client, request, status (0: the client left), bytes, time."""
        received = request.headers.get("content-length", "-")
        agent = _plain(request.headers.get("user-agent", "-"))
        _access_log.info(
            '%s "%s %s" %d %d %s %.3fs "%s"',
            request.peer or "-",
            request.method,
            _plain(request.path),
            status,
            sent,
            received,
            seconds,
            agent,
        )


def _handler(method: str, target: Target) -> tuple[str, Handler]:
    methods = HANDLERS[target.kind]
    if method not in methods:
        fault = UnsupportedError(f"{method} is not served here, but {', '.join(methods)}")
        raise AnswerError(fault, (("Allow", ", ".join(methods)),))
    return methods[method]


def _plain(text: str) -> str:
    """Return text that stays on its line of the log."""
    return text[:1000].encode("unicode_escape").decode("ascii")


def _without_body(response: Response) -> Response:
    length = ("Content-Length", str(len(response.body)))
    return Response(response.status, b"", response.content_type, (*response.headers, length))
