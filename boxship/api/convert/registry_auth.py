"""The credentials that a client sends along: ``X-Registry-Auth``."""

import base64
import binascii

import msgspec

from boxship.api.schema.images import AuthConfig
from boxship.engine.registry.auth import RegistryAuth
from boxship.errors import InvalidParameterError

_TO_URL_SAFE = str.maketrans("+/", "-_")


def registry_auth(header: str) -> RegistryAuth | None:
    """Read the header: base64 (either alphabet, padding optional) of a JSON document.

    None without a header or with an empty document. Raises InvalidParameterError for a broken one.
    """
    text = header.strip().translate(_TO_URL_SAFE).rstrip("=")
    if not text:
        return None
    try:
        document = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        auth = msgspec.json.decode(document, type=AuthConfig | None)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise InvalidParameterError(f"invalid X-Registry-Auth header: {error}") from None
    if auth is None or auth == AuthConfig():
        return None
    username, password = _user(auth)
    return RegistryAuth(
        username=username,
        password=password,
        identity_token=auth.identitytoken or "",
        registry_token=auth.registrytoken or "",
        server_address=auth.serveraddress or "",
    )


def _user(auth: AuthConfig) -> tuple[str, str]:
    """Return name and password; old clients send them together, in ``auth``."""
    if auth.username or not auth.auth:
        return auth.username or "", auth.password or ""
    try:
        pair = base64.b64decode(auth.auth).decode()
    except (binascii.Error, ValueError):
        raise InvalidParameterError("invalid X-Registry-Auth header: auth is not base64") from None
    username, _, password = pair.partition(":")
    return username, password
