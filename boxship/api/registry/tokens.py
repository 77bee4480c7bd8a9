"""The token server of a registry that issues its own tokens."""

from typing import Final

from boxship.api.registry.errors import AnswerError
from boxship.api.request import Request
from boxship.api.response import Response, json_response
from boxship.engine.registry.server.access import Issuer
from boxship.engine.registry.server.faults import UnauthorizedError, UnsupportedError

_BASIC: Final = (("WWW-Authenticate", 'Basic realm="Boxship registry", charset="UTF-8"'),)


async def token_get(request: Request, issuer: Issuer) -> Response:
    """Answer with a token for the scopes in the query.

    Raises AnswerError for a wrong password and for other methods: containerd tries POST first and
    comes again with GET after 405.
    """
    if request.method != "GET":
        fault = UnsupportedError(f"{request.method} is not served here, but GET")
        raise AnswerError(fault, (("Allow", "GET"),))
    authorization = request.headers.get("authorization", "")
    try:
        answer = await issuer.issue(authorization, request.query.texts("scope"))
    except UnauthorizedError as fault:
        raise AnswerError(fault, _BASIC) from None
    return json_response(answer, headers=(("Cache-Control", "no-store"),))
