"""Tokens of a token server (distribution's "Token Authentication Specification").

A token is a JWT (RFC 7519) signed with RS256, RS384, RS512, ES256, ES384 or ES512. Its signer is
one of the keys that the registry was given, or has a certificate below one of them (``x5c``).
"""

import base64
import binascii
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from boxship.engine.registry.server.access import CATALOG, PULL, Grant
from boxship.engine.registry.server.faults import UnauthorizedError
from boxship.engine.registry.server.passwords import Stranger
from boxship.errors import InvalidParameterError

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
_KINDS: Final = (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
_CURVES: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
_LEEWAY_S: Final = 60
_MAX_CHAIN: Final = 8
_MAX_TOKEN: Final = 64 * 1024


class TrustedKeys:
    """What may sign tokens: public keys, and certificates that may sign other certificates."""

    def __init__(self, path: Path) -> None:
        """Read PEM blocks: CERTIFICATE and PUBLIC KEY. Raises InvalidParameterError."""
        self.keys: list[PublicKey] = []
        self.certificates: list[x509.Certificate] = []
        try:
            self._load(path.read_bytes())
        except (OSError, ValueError) as error:
            raise InvalidParameterError(f"cannot read the keys in {path}: {error}") from None
        if not self.keys:
            raise InvalidParameterError(f"{path} holds no RSA or EC public key or certificate")

    @classmethod
    def of(cls, key: PublicKey) -> "TrustedKeys":
        """Trust one key."""
        trusted = cls.__new__(cls)
        trusted.keys, trusted.certificates = [key], []
        return trusted

    def _load(self, data: bytes) -> None:
        if b"-----BEGIN CERTIFICATE-----" in data:
            self.certificates = x509.load_pem_x509_certificates(data)
        found: list[object] = [certificate.public_key() for certificate in self.certificates]
        mark = b"-----BEGIN PUBLIC KEY-----"
        found += [serialization.load_pem_public_key(mark + block) for block in data.split(mark)[1:]]
        self.keys = [key for key in found if isinstance(key, _KINDS)]

    def signers(self, header: dict[str, Any]) -> list[PublicKey]:
        """Return the keys that may have signed a token with this header."""
        chain = header.get("x5c")
        if not isinstance(chain, list) or not chain:
            return self.keys
        certificates = [_certificate(item) for item in chain[:_MAX_CHAIN]]
        if not self._trusts(certificates):
            raise UnauthorizedError("the token's signer is not one that this registry trusts")
        key = certificates[0].public_key()
        return [key] if isinstance(key, _KINDS) else []

    def _trusts(self, chain: Sequence[x509.Certificate]) -> bool:
        """Walk from the leaf up until a trusted certificate is met or has signed."""
        now = datetime.now(UTC)
        for index, certificate in enumerate(chain):
            if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
                return False
            if index and not _signed(chain[index - 1], certificate):
                return False
            if certificate in self.certificates:
                return True
            if any(_signed(certificate, root) for root in self.certificates):
                return True
        return False


def _certificate(encoded: object) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(base64.b64decode(str(encoded), validate=True))
    except ValueError:
        raise UnauthorizedError("malformed token: its certificate cannot be read") from None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return extension.value.ca


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if not _is_authority(issuer):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def verify(token: str, trusted: TrustedKeys) -> dict[str, Any]:
    """Return a token's claims once its signature is right. Raises UnauthorizedError."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _MAX_TOKEN:
        raise UnauthorizedError("malformed token: not a JWT")
    header, claims = _document(parts[0]), _document(parts[1])
    signed, signature = f"{parts[0]}.{parts[1]}".encode(), _decode(parts[2])
    algorithm = str(header.get("alg"))
    if not any(_is_by(key, algorithm, signature, signed) for key in trusted.signers(header)):
        raise UnauthorizedError("the token's signature is wrong, or of an unknown key")
    return claims


def _is_by(key: PublicKey, algorithm: str, signature: bytes, signed: bytes) -> bool:
    digest = _HASHES.get(algorithm[2:])
    if digest is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if not algorithm.startswith("RS"):
                return False
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        else:
            if _CURVES.get(algorithm) != key.curve.name:
                return False
            key.verify(_der(signature), signed, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def _der(signature: bytes) -> bytes:
    """Write a JWT's two numbers (RFC 7518 section 3.4) as X.509 does."""
    half = len(signature) // 2
    numbers = (signature[:half], signature[half:])
    return encode_dss_signature(*(int.from_bytes(number, "big") for number in numbers))


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise UnauthorizedError("malformed token: not base64") from None


def _document(text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(_decode(text))
    except msgspec.DecodeError:
        value = None
    if not isinstance(value, dict):
        raise UnauthorizedError("malformed token: not a JSON object")
    return value


class _Bearer:
    """What a token allows."""

    is_known = True

    def __init__(self, claims: dict[str, Any], *, anonymous_pull: bool) -> None:
        self.user = str(claims.get("sub") or "")
        self._anonymous_pull = anonymous_pull
        self._actions: dict[tuple[str, str], set[str]] = {}
        access = claims.get("access")
        for entry in access if isinstance(access, list) else []:
            if isinstance(entry, dict) and isinstance(entry.get("actions"), list):
                key = (str(entry.get("type")), str(entry.get("name")))
                self._actions.setdefault(key, set()).update(map(str, entry["actions"]))

    def allows(self, name: str, action: str) -> bool:
        """Tell whether a scope of the token holds the action."""
        if action == CATALOG:
            return "*" in self._actions.get(("registry", "catalog"), ())
        allowed = self._actions.get(("repository", name), set())
        return bool({action, "*"} & allowed) or (self._anonymous_pull and action == PULL)


class TokenAuthority:
    """Bearer authentication: sends clients to a token server and trusts its tokens."""

    retries_refused = True
    issuer = None

    def __init__(
        self, keys: TrustedKeys, realm: str, service: str, issuer: str, *, anonymous_pull: bool
    ) -> None:
        """realm: the token server's URL, or its path on this very host."""
        self._keys = keys
        self._realm, self._service, self._iss = realm, service, issuer
        self._anonymous_pull = anonymous_pull

    async def grant(self, authorization: str) -> Grant:
        """Check a token. Raises UnauthorizedError."""
        if not authorization:
            return Stranger(may_pull=self._anonymous_pull)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise UnauthorizedError("a token of the token server is wanted (Bearer)")
        claims = verify(token.strip(), self._keys)
        self._check(claims)
        return _Bearer(claims, anonymous_pull=self._anonymous_pull)

    def _check(self, claims: dict[str, Any]) -> None:
        now = time.time()
        audience = claims.get("aud")
        if self._service not in (audience if isinstance(audience, list) else [audience]):
            raise UnauthorizedError("the token is for another service")
        if claims.get("iss") != self._iss:
            raise UnauthorizedError("the token is of another issuer")
        if not _number(claims.get("exp")) > now - _LEEWAY_S:
            raise UnauthorizedError("the token has expired")
        if _number(claims.get("nbf", 0)) > now + _LEEWAY_S:
            raise UnauthorizedError("the token is not valid yet")

    def challenge(self, name: str, action: str, origin: str, error: str) -> str:
        """Send the client to the token server, for what it needs."""
        realm = f"{origin}{self._realm}" if self._realm.startswith("/") else self._realm
        parts = [f'realm="{realm}"', f'service="{self._service}"']
        if action == CATALOG:
            parts.append('scope="registry:catalog:*"')
        elif action:
            wanted = action if action != "push" else "pull,push"
            parts.append(f'scope="repository:{name}:{wanted}"')
        if error:
            parts.append(f'error="{error}"')
        return "Bearer " + ",".join(parts)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
