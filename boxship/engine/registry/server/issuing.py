"""Tokens of the registry's own, for names and passwords of a file (distribution's token protocol).

Docker decides by the answer to ``/v2/`` how it shows who it is. Asked for a password it sends
nothing without a login, so that everybody's right to pull is of no use to it; asked for a token it
fetches one, with a password or without. So the registry that lets everybody pull has its own
token server, at ``/token``, whose key lies in its directory.
"""

import base64
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from boxship.engine.registry.server.access import PULL, TOKEN_PATH, Grant
from boxship.engine.registry.server.passwords import PasswordAuthority, PasswordFile
from boxship.engine.registry.server.tokens import TokenAuthority, TrustedKeys
from boxship.errors import InvalidParameterError

LIFETIME_S: Final = 300
"""Seconds that a token is good for: so long somebody who is struck off the file gets in still."""
KEY_FILE: Final = "token.key"
MAX_SCOPES: Final = 100
_SERVICE: Final = "boxship-registry"


class IssuingAuthority:
    """Takes passwords, and tokens that it issues itself; everybody may pull."""

    retries_refused = True

    def __init__(self, passwords: PasswordFile, root: Path) -> None:
        """root: the registry's directory. Raises InvalidParameterError for a key of no use."""
        self._passwords = PasswordAuthority(passwords, anonymous_pull=True)
        self._key = load_key(root / KEY_FILE)
        keys = TrustedKeys.of(self._key.public_key())
        self._tokens = TokenAuthority(keys, TOKEN_PATH, _SERVICE, _SERVICE, anonymous_pull=True)

    @property
    def issuer(self) -> "IssuingAuthority":
        """Itself."""
        return self

    async def grant(self, authorization: str) -> Grant:
        """Check a password or a token. Raises UnauthorizedError."""
        if authorization[:6].lower() == "basic ":
            return await self._passwords.grant(authorization)
        return await self._tokens.grant(authorization)

    def challenge(self, name: str, action: str, origin: str, error: str) -> str:
        """Send the client to this registry's own token server."""
        return self._tokens.challenge(name, action, origin, error)

    async def issue(self, authorization: str, scopes: Sequence[str]) -> dict[str, Any]:
        """Return the answer with a token for what the client may do of what it asks for.

        Raises UnauthorizedError for a wrong password.
        """
        grant = await self._passwords.grant(authorization)
        now = int(time.time())
        claims = {
            "iss": _SERVICE,
            "aud": _SERVICE,
            "sub": grant.user,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME_S,
            "access": list(_access(scopes, is_known=grant.is_known)),
        }
        token = sign(claims, self._key)
        return {"token": token, "access_token": token, "expires_in": LIFETIME_S}


def _access(scopes: Iterable[str], *, is_known: bool) -> Iterable[dict[str, Any]]:
    """Grant what is asked for (``repository:team/app:pull,push``): to strangers, to pull."""
    wanted = [scope for text in scopes for scope in text.split()]
    for scope in wanted[:MAX_SCOPES]:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        allowed = [one for one in actions.split(",") if is_known or one == PULL]
        if name and (is_known or kind == "repository"):
            yield {"type": kind, "name": name, "actions": allowed}


def sign(claims: dict[str, Any], key: ec.EllipticCurvePrivateKey) -> str:
    """Return a JWT signed with ES256 (RFC 7518 section 3.4)."""
    header = {"typ": "JWT", "alg": "ES256"}
    signed = b".".join(_encode(msgspec.json.encode(part)) for part in (header, claims))
    numbers = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    signature = b"".join(number.to_bytes(32, "big") for number in numbers)
    return (signed + b"." + _encode(signature)).decode()


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read the key, making it the first time. Raises InvalidParameterError."""
    try:
        if not path.exists():
            _write_key(path)
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidParameterError(f"cannot use the key of tokens in {path}: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise InvalidParameterError(
            f"cannot use the key of tokens in {path}: it is not one of the curve P-256; remove it "
            "and a new one is made"
        )
    return key


def _write_key(path: Path) -> None:
    """Make a key; whichever of two processes comes first makes the one that counts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
