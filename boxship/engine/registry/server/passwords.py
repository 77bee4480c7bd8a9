"""Passwords in an htpasswd file: bcrypt, Apache's MD5, SHA-1 (Apache, "Password Formats").

Checking bcrypt takes as long as its author meant it to, so what was right once is remembered for a
few minutes, as a keyed hash.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
import time
from pathlib import Path
from typing import Final

import bcrypt

from boxship.engine.registry.server.access import PULL, Grant
from boxship.engine.registry.server.faults import UnauthorizedError
from boxship.errors import InvalidParameterError

_REMEMBERED_S: Final = 300.0
_ITOA64: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BCRYPT: Final = ("$2y$", "$2a$", "$2b$")
_APR1: Final = "$apr1$"
_SHA: Final = "{SHA}"


class PasswordFile:
    """The file; read again when it changes."""

    def __init__(self, path: Path) -> None:
        """Raises InvalidParameterError, naming the line that cannot be used."""
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._entries: dict[str, str] = {}
        self._key = secrets.token_bytes(32)
        self._right: dict[bytes, float] = {}
        self._refresh()

    def check(self, user: str, password: str) -> bool:
        """Tell whether a password is right. [blocking]"""
        self._refresh()
        entry = self._entries.get(user)
        if entry is None:
            return False
        token = hmac.digest(self._key, f"{user}\0{entry}\0{password}".encode(), "sha256")
        now = time.monotonic()
        if self._right.get(token, 0.0) > now:
            return True
        if not matches(password, entry):
            return False
        self._right = {key: until for key, until in self._right.items() if until > now}
        self._right[token] = now + _REMEMBERED_S
        return True

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if stamp != self._stamp:
                self._entries = _parse(self._path)
                self._stamp = stamp
        except OSError as error:
            raise InvalidParameterError(
                f"cannot read the password file {self._path}: {error.strerror}"
            ) from None


def _parse(path: Path) -> dict[str, str]:
    entries = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        user, colon, entry = text.partition(":")
        if not (colon and user and entry.startswith((*_BCRYPT, _APR1, _SHA))):
            raise InvalidParameterError(
                f"{path}, line {number}: not a user with a bcrypt, apr1 or SHA password; make one "
                "with 'htpasswd -B'"
            )
        entries[user] = entry
    return entries


def matches(password: str, entry: str) -> bool:
    """Compare a password with its entry in the file. [blocking]"""
    raw = password.encode()
    if entry.startswith(_BCRYPT):
        try:
            return bcrypt.checkpw(raw[:72], entry.encode())
        except ValueError:
            return False
    if entry.startswith(_SHA):
        found = _SHA + base64.b64encode(hashlib.sha1(raw).digest()).decode()
    else:
        found = apr1(raw, entry.split("$")[2])
    return hmac.compare_digest(found.encode(), entry.encode())


def apr1(password: bytes, salt: str) -> str:
    """Apache's variant of MD5-crypt: a thousand rounds, and its own order of the bytes."""
    salted = salt[:8].encode()
    inner = hashlib.md5(password + salted + password).digest()
    start = password + _APR1.encode() + salted
    start += (inner * (len(password) // 16 + 1))[: len(password)]
    bits = len(password)
    while bits:
        start += b"\0" if bits & 1 else password[:1]
        bits >>= 1
    digest = hashlib.md5(start).digest()
    for number in range(1000):
        digest = hashlib.md5(_round(number, digest, password, salted)).digest()
    return f"{_APR1}{salt[:8]}${_encode(digest)}"


def _round(number: int, digest: bytes, password: bytes, salt: bytes) -> bytes:
    odd = number & 1
    parts = [password if odd else digest]
    if number % 3:
        parts.append(salt)
    if number % 7:
        parts.append(password)
    parts.append(digest if odd else password)
    return b"".join(parts)


def _encode(digest: bytes) -> str:
    groups = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))
    values = [(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in groups]
    values.append((digest[11], 2))
    return "".join(_ITOA64[value >> 6 * place & 63] for value, n in values for place in range(n))


class _User:
    """Somebody whose password was right: may do everything."""

    is_known = True

    def __init__(self, user: str) -> None:
        self.user = user

    def allows(self, _name: str, _action: str) -> bool:
        """Allow."""
        return True


class Stranger:
    """Nobody in particular: may read, where that is allowed."""

    user = ""
    is_known = False

    def __init__(self, *, may_pull: bool) -> None:
        self._may_pull = may_pull

    def allows(self, _name: str, action: str) -> bool:
        """Allow what is allowed to everybody."""
        return self._may_pull and action == PULL


class PasswordAuthority:
    """Basic authentication (RFC 7617)."""

    retries_refused = False
    issuer = None

    def __init__(self, passwords: PasswordFile, *, anonymous_pull: bool = False) -> None:
        self._passwords = passwords
        self._anonymous_pull = anonymous_pull

    async def grant(self, authorization: str) -> Grant:
        """Check name and password. Raises UnauthorizedError."""
        if not authorization:
            return Stranger(may_pull=self._anonymous_pull)
        user, password = basic_credentials(authorization)
        if not await asyncio.to_thread(self._passwords.check, user, password):
            raise UnauthorizedError("incorrect username or password")
        return _User(user)

    def challenge(self, _name: str, _action: str, _origin: str, _error: str) -> str:
        """Ask for name and password."""
        return 'Basic realm="Boxship registry", charset="UTF-8"'


def basic_credentials(authorization: str) -> tuple[str, str]:
    """Read name and password. Raises UnauthorizedError for anything else."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    user, colon, password = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise UnauthorizedError("malformed credentials: name and password are wanted (Basic)")
    return user, password
