"""Checking a user's credentials against a registry (``docker login``)."""

from boxship.engine.config import RegistryConfig
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.authorizer import Authorizer
from boxship.engine.registry.endpoint import Endpoint, check_domain, endpoints
from boxship.engine.registry.errors import RegistryError, UnreachableError
from boxship.engine.registry.transport import Transport
from boxship.errors import InternalError, UnauthorizedError


def check_login(config: RegistryConfig, auth: RegistryAuth) -> str:
    """Return if the registry of ``auth.server_address`` accepts the credentials. Blocks.

    Answers the identity token that its token server gave for the password, empty where it gives
    none. Raises UnauthorizedError when it does not, InternalError when it cannot be reached,
    InvalidParameterError for an address that cannot be one.
    """
    domain = auth.domain
    check_domain(domain)
    transport = Transport(config)
    failure: Exception | None = None
    try:
        for endpoint in (item for item in endpoints(domain, config) if not item.is_mirror):
            try:
                return _check_at(transport, endpoint, auth)
            except UnreachableError as error:
                failure = failure or error
    except RegistryError as error:
        raise UnauthorizedError(str(error)) from None
    finally:
        transport.close()
    raise InternalError(f"cannot log in to {domain}: {failure}")


def _check_at(transport: Transport, endpoint: Endpoint, auth: RegistryAuth) -> str:
    url = f"{endpoint.url}/v2/"
    authorizer = Authorizer(
        transport, auth, [], verify_tls=endpoint.verify_tls, offline=bool(auth.password)
    )
    for _ in range(2):
        answer = transport.request(
            "GET", url, headers=authorizer.headers(), verify_tls=endpoint.verify_tls
        )
        status, challenges = answer.status, answer.headers.getlist("WWW-Authenticate")
        answer.drain_conn()  # the connection is of no use for the next request before
        if 200 <= status < 300:
            return authorizer.identity_token
        if status != 401:
            raise RegistryError(status, "", f"login attempt to {url} failed with status: {status}")
        if not authorizer.answer(challenges, f'Get "{url}"', url):
            break
    raise UnauthorizedError(f"login attempt to {url} failed with status: 401 Unauthorized")
