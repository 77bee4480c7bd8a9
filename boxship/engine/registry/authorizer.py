"""Answers a registry's challenges, and keeps the token that came of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

from boxship.engine.registry.auth import (
    Challenge,
    RegistryAuth,
    Token,
    parse_challenges,
    parse_token,
    refresh_form,
    token_query,
)
from boxship.engine.registry.errors import RegistryError, error_from_answer
from boxship.engine.registry.transport import Transport

_MAX_ANSWER_SIZE = 1 << 20
_NOTHING: Mapping[str, str] = {}


class Authorizer:
    """Credentials of one session with one endpoint. Methods block; safe from several threads."""

    def __init__(
        self,
        transport: Transport,
        auth: RegistryAuth,
        scopes: list[str],
        *,
        verify_tls: bool,
        offline: bool = False,
    ) -> None:
        self._transport = transport
        self._auth = auth
        self._scopes = scopes
        self._verify_tls = verify_tls
        self._offline = offline
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        self._token: Token | None = None
        self._origin = ""

    @property
    def identity_token(self) -> str:
        """The refresh token that a token server gave, empty for none."""
        return self._token.refresh if self._token is not None else ""

    def headers(self) -> dict[str, str]:
        """Return the Authorization header for the next request, if one is known."""
        with self._lock:
            if self._auth.registry_token:
                return {"Authorization": f"Bearer {self._auth.registry_token}"}
            if self._challenge is None:
                return {}
            if self._challenge.scheme == "basic":
                return {"Authorization": self._auth.basic}
            if self._token is None or not self._token.is_fresh:
                self._token = self._fetch_token(self._challenge)
            return self._bearer(self._token)

    @staticmethod
    def _bearer(token: Token) -> dict[str, str]:
        return {"Authorization": f"Bearer {token.value}"}

    def answer(
        self, headers: list[str], request: str, url: str, sent: Mapping[str, str] = _NOTHING
    ) -> bool:
        """Take note of a 401 answer's challenges; False if trying again cannot help.

        request, url: what was refused, for messages and to keep secrets on encrypted ways. sent:
        what ``headers`` gave that request: another thread may have had an answer since. Raises
        RegistryError when credentials are asked for and there are none, or a token is refused.
        """
        challenges = {challenge.scheme: challenge for challenge in parse_challenges(headers)}
        with self._lock:
            if self._auth.registry_token:
                return False
            tried, self._origin = self._challenge, url
            if "bearer" in challenges:
                self._challenge = challenges["bearer"]
                if tried == self._challenge:
                    return self._token is not None and sent != self._bearer(self._token)
                self._token = self._fetch_token(self._challenge)
                return True
            if "basic" not in challenges or tried is not None:
                return "basic" in challenges and not sent
            if not self._auth.basic:
                raise RegistryError(401, "UNAUTHORIZED", f"{request}: no basic auth credentials")
            self._challenge = challenges["basic"]
            return True

    def _fetch_token(self, challenge: Challenge) -> Token:
        """Trade the credentials, if any, for a token at the realm that the registry named."""
        realm = challenge.parameters.get("realm", "")
        self._check_realm(realm)
        if self._auth.identity_token:
            body = refresh_form(challenge, self._scopes, self._auth)
            return self._request_token("POST", realm, {"Content-Type": _FORM}, body)
        query = token_query(challenge, self._scopes, self._auth, offline=self._offline)
        url = f"{realm}{'&' if '?' in realm else '?'}{query}"
        headers = {"Authorization": self._auth.basic} if self._auth.basic else {}
        return self._request_token("GET", url, headers, None)

    def _check_realm(self, realm: str) -> None:
        parts = urlsplit(realm)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise RegistryError(401, "", f"invalid token auth challenge realm: {realm!r}")
        has_secret = bool(self._auth.basic or self._auth.identity_token)
        if has_secret and parts.scheme == "http" and urlsplit(self._origin).scheme == "https":
            raise RegistryError(
                401, "", f"the registry wants the password sent to {realm} without encryption"
            )

    def _request_token(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> Token:
        from boxship.engine.registry.interruption import reading

        own_host = urlsplit(url).netloc == urlsplit(self._origin).netloc
        answer = self._transport.request(
            method,
            url,
            headers=headers,
            body=body,
            verify_tls=self._verify_tls if own_host else True,
        )
        with reading(answer):
            data = answer.read(_MAX_ANSWER_SIZE)
        answer.release_conn()
        if answer.status == 401:
            raise RegistryError(
                401,
                "UNAUTHORIZED",
                f'{method.capitalize()} "{url.partition("?")[0]}": unauthorized: incorrect '
                "username or password",
            )
        if answer.status != 200:
            kind = answer.headers.get("Content-Type", "")
            raise error_from_answer(url.partition("?")[0], answer.status, data, kind)
        return parse_token(data)


_FORM = "application/x-www-form-urlencoded"
