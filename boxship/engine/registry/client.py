"""Requests to a repository of a registry: authorised, redirected safely, with fallbacks.

Everything here blocks and is called from worker threads. Failures are RegistryError and
UnreachableError; ``translated`` turns them into errors for the user.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import msgspec

from boxship.engine.config import RegistryConfig
from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.authorizer import Authorizer
from boxship.engine.registry.endpoint import Endpoint, check_port, endpoints, without_tls
from boxship.engine.registry.errors import (
    PlainHttpError,
    RegistryError,
    UnreachableError,
    error_from_answer,
    translate,
    translate_push,
)
from boxship.engine.registry.transport import CERTIFICATES_DIRECTORY, TimeLimits, Transport
from boxship.errors import BoxshipError, InternalError
from boxship.oci.document import MAX_DOCUMENT_SIZE
from boxship.oci.media_types import ACCEPTED_MANIFESTS, SCHEMA1
from boxship.reference import Reference, is_digest

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

    from boxship.engine.registry.body import Body

MAX_REDIRECTS = 10
MAX_ERROR_SIZE = 64 * 1024
MAX_TAG_PAGES = 1000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ACCEPT = ", ".join((*ACCEPTED_MANIFESTS, *sorted(SCHEMA1)))


@dataclass(frozen=True, slots=True)
class ManifestHead:
    """What a registry says of a manifest without sending it."""

    digest: str
    """Empty: it did not say."""
    media_type: str
    size: int


class RegistryClient:
    """Speaks with all registries; remembers which of a host's URLs answered."""

    def __init__(
        self,
        config: RegistryConfig,
        *,
        certificates: Path = CERTIFICATES_DIRECTORY,
        limits: TimeLimits | None = None,
    ) -> None:
        self.config = config
        self.transport = Transport(config, certificates=certificates, limits=limits)
        self._preferred: dict[str, Endpoint] = {}

    def repository(
        self,
        reference: Reference,
        auth: RegistryAuth | None = None,
        actions: str = "pull",
        sources: Sequence[str] = (),
        *,
        scopes: Sequence[str] = (),
        insecure: bool = False,
    ) -> Repository:
        """Begin a session with the repository that ``reference`` names.

        actions: ``pull`` or ``pull,push``, the rights that tokens are asked for; pushes never go to
        mirrors. sources: paths of other repositories of that host to take blobs from. scopes: what
        tokens are asked for instead. insecure: as if the host were an insecure registry. Raises
        InvalidParameterError for a port that no host has.
        """
        check_port(reference.domain)
        own = [f"repository:{reference.path}:{actions}"]
        own += [f"repository:{path}:pull" for path in sources if path != reference.path]
        found = without_tls(reference.domain) if insecure else self.endpoints(reference.domain)
        if actions != "pull":
            found = [endpoint for endpoint in found if not endpoint.is_mirror]
        session = Repository(self, reference, auth or RegistryAuth(), list(scopes) or own, found)
        session.translate = translate if actions == "pull" else translate_push
        return session

    def endpoints(self, domain: str) -> list[Endpoint]:
        """Return a host's URLs, the one that answered last first."""
        found = endpoints(domain, self.config)
        preferred = self._preferred.get(domain)
        if preferred in found and not found[0].is_mirror:
            return [preferred, *(endpoint for endpoint in found if endpoint != preferred)]
        return found

    def prefer(self, domain: str, endpoint: Endpoint) -> None:
        """Remember that this URL answered."""
        self._preferred[domain] = endpoint

    def prefers(self, domain: str, endpoint: Endpoint) -> bool:
        """Tell whether this URL answered the last time."""
        return self._preferred.get(domain) == endpoint

    def reconfigure(self, config: RegistryConfig) -> None:
        """Use other mirrors, exceptions and proxies from now on."""
        self.config = config
        self.transport.reconfigure(config)
        self._preferred.clear()

    def close(self) -> None:
        """Drop idle connections."""
        self.transport.close()


class Repository:
    """A session with one repository: the endpoint in use and its tokens."""

    def __init__(
        self,
        client: RegistryClient,
        reference: Reference,
        auth: RegistryAuth,
        scopes: list[str],
        endpoints_: list[Endpoint],
    ) -> None:
        self.reference = reference
        self.translate: Callable[[RegistryError, str, str], BoxshipError] = translate
        """Makes errors for the user of the registry's answers."""
        self._client = client
        self._endpoints = endpoints_
        self._authorizers = {
            endpoint: Authorizer(
                client.transport,
                RegistryAuth() if endpoint.is_mirror else auth,
                [f"repository:{endpoint.prefix}{reference.path}:pull"]
                if endpoint.is_mirror
                else scopes,
                verify_tls=endpoint.verify_tls,
            )
            for endpoint in self._endpoints
        }

    @property
    def is_settled(self) -> bool:
        """Whether it is known which of the host's URLs answers: requests may go side by side."""
        return len(self._endpoints) == 1 or self._client.prefers(
            self.reference.domain, self._endpoints[0]
        )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the registry's failures in the block into errors for the user."""
        try:
            yield
        except RegistryError as error:
            shown = self.reference
            raise self.translate(error, shown.familiar_name, shown.familiar) from error
        except UnreachableError as error:
            raise InternalError(str(error)) from error

    def head_manifest(self, tag_or_digest: str) -> ManifestHead | None:
        """Ask for a manifest's digest; None where the registry cannot say without sending it."""
        try:
            answer = self.request("HEAD", f"manifests/{tag_or_digest}", {"Accept": _ACCEPT})
        except RegistryError as error:
            # A HEAD answer has no body: GET tells why, and some registries know no HEAD.
            if error.status in (401, 429):
                raise
            return None
        discard(answer)
        digest = answer.headers.get("Docker-Content-Digest", "")
        media_type = _plain_type(answer.headers.get("Content-Type", ""))
        size = answer.headers.get("Content-Length", "")
        if not is_digest(digest) or not size.isdigit():
            return None
        return ManifestHead(digest, media_type, int(size))

    def get_manifest(self, tag_or_digest: str) -> tuple[str, bytes, str]:
        """Fetch a manifest or index: media type, bytes, digest. A named digest is verified."""
        answer = self.request("GET", f"manifests/{tag_or_digest}", {"Accept": _ACCEPT})
        data = self._read_limited(answer)
        media_type = _plain_type(answer.headers.get("Content-Type", ""))
        if media_type == "text/html":
            raise error_from_answer(self._shown(answer), answer.status, data, media_type)
        named = tag_or_digest if is_digest(tag_or_digest) else ""
        algorithm = named.partition(":")[0] or "sha256"
        digest = _digest_of(data, algorithm)
        if named and digest != named:
            raise InternalError(
                f"manifest verification failed for digest {named}: the bytes received have {digest}"
            )
        return ("" if media_type in _VAGUE_TYPES else media_type), data, digest

    def open_blob(self, digest: str, offset: int = 0) -> BaseHTTPResponse:
        """Begin to fetch a blob; from ``offset`` on where the answer's status is 206."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        return self.request("GET", f"blobs/{digest}", headers)

    def read_document(self, digest: str) -> bytes:
        """Return a small blob; its bytes are verified."""
        data = self._read_limited(self.open_blob(digest))
        if _digest_of(data, digest.partition(":")[0]) != digest:
            raise InternalError(f"{self.reference.domain} sent other bytes than {digest}")
        return data

    def tags(self) -> list[str]:
        """List all tags of the repository, page by page."""
        shown = f"{self.reference.name}: tags"
        return [tag for page in self.pages("tags/list") for tag in _decode_tags(page, shown)]

    def pages(self, path: str) -> Iterator[bytes]:
        """Yield a list's pages, as long as the answers link to a next one (RFC 8288)."""
        base = path.partition("?")[0]
        for _ in range(MAX_TAG_PAGES):
            answer, data = self.exchange("GET", path, {})
            yield data
            following = _next_page(answer.headers.get("Link", ""))
            if not following:
                return
            path = f"{base}?{urlsplit(following).query}"
        raise InternalError(f"{self.reference.name}: the registry's list of tags never ends")

    def request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | Body | None = None
    ) -> BaseHTTPResponse:
        """Send a request below the repository's own path; return an answer with status 2xx.

        path: may be a whole URL, such as a Location of this registry. Endpoints that fail are left
        behind: mirrors for whatever reason, others when they cannot be reached. Raises
        RegistryError, UnreachableError.
        """
        failure: Exception | None = None
        for endpoint in list(self._endpoints):
            url = urljoin(f"{endpoint.url}/v2/{endpoint.prefix}{self.reference.path}/", path)
            try:
                answer = self._request_at(endpoint, method, url, headers, body)
            except (RegistryError, UnreachableError) as error:
                failure = error if isinstance(failure, PlainHttpError) else failure or error
                if endpoint.is_mirror or isinstance(error, UnreachableError):
                    continue
                self._settle(endpoint)
                raise
            self._settle(endpoint)
            return answer
        raise failure or UnreachableError(f"no endpoint for {self.reference.domain}")

    def exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | Body | None = None
    ) -> tuple[BaseHTTPResponse, bytes]:
        """Like ``request``, for short answers: the answer, and its body read to the end."""
        answer = self.request(method, path, headers, body)
        return answer, self._read_limited(answer)

    def absolute(self, location: str) -> str:
        """Return a Location as a URL; on the registry's own host it stays as encrypted as before.

        Registries behind a proxy that ends TLS often answer with http.
        """
        home = urlsplit(self._endpoints[0].url)
        url = urlsplit(urljoin(f"{self._endpoints[0].url}/", location))
        if url.scheme not in ("http", "https"):
            raise RegistryError(310, "", f"the registry names an impossible place: {location!r}")
        if url.netloc == home.netloc and home.scheme == "https":
            url = url._replace(scheme="https")
        return url.geturl()

    def put_manifest(self, tag_or_digest: str, media_type: str, data: bytes) -> None:
        """Store a manifest or index; InternalError if the registry took other bytes than these."""
        answer, _ = self.exchange(
            "PUT", f"manifests/{tag_or_digest}", {"Content-Type": media_type}, data
        )
        stored = answer.headers.get("Docker-Content-Digest", "")
        algorithm = stored.partition(":")[0]
        if (
            is_digest(stored)
            and stored != f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
        ):
            raise InternalError(
                f"{self.reference.domain} stored the manifest as {stored}: it changed the bytes"
            )

    def _settle(self, endpoint: Endpoint) -> None:
        if not endpoint.is_mirror:
            self._client.prefer(self.reference.domain, endpoint)
            self._endpoints = [endpoint]

    def _request_at(
        self,
        endpoint: Endpoint,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Body | None,
    ) -> BaseHTTPResponse:
        authorizer = self._authorizers[endpoint]
        sent = authorizer.headers()
        answer = self._follow(method, url, headers, body, endpoint, sent)
        if answer.status == 401:
            challenges = answer.headers.getlist("WWW-Authenticate")
            refusal = self._read_limited(answer, MAX_ERROR_SIZE)
            if not authorizer.answer(challenges, f'{method.capitalize()} "{url}"', url, sent):
                raise _error(answer, refusal, url)
            answer = self._follow(method, url, headers, body, endpoint, authorizer.headers())
        if not 200 <= answer.status < 300:
            raise _error(answer, self._read_limited(answer, MAX_ERROR_SIZE), url)
        return answer

    def _follow(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Body | None,
        endpoint: Endpoint,
        credentials: Mapping[str, str],
    ) -> BaseHTTPResponse:
        """Send, and follow redirects; credentials go to the registry's own host only."""
        home = urlsplit(endpoint.url)[:2]
        start = url
        for _ in range(MAX_REDIRECTS):
            at_home = urlsplit(url)[:2] == home
            answer = self._client.transport.request(
                method,
                url,
                headers={**headers, **(credentials if at_home else {})},
                body=body,
                verify_tls=endpoint.verify_tls if at_home else True,
            )
            location = answer.headers.get("Location", "")
            if answer.status not in _REDIRECTS or not location:
                return answer
            discard(answer)
            url = urljoin(url, location)
            if urlsplit(url).scheme not in ("http", "https"):
                raise RegistryError(answer.status, "", f"the registry redirects to {url!r}")
        raise RegistryError(
            310, "", f"stopped after {MAX_REDIRECTS} redirects from {urlsplit(start).netloc}"
        )

    def _read_limited(self, answer: BaseHTTPResponse, limit: int = MAX_DOCUMENT_SIZE) -> bytes:
        from urllib3.exceptions import HTTPError

        from boxship.engine.registry.interruption import reading

        try:
            with reading(answer):
                data = answer.read(limit + 1)
        except (HTTPError, OSError) as error:
            raise UnreachableError(f"{self._shown(answer)}: connection broken: {error}") from error
        if len(data) > limit:
            answer.close()
            raise InternalError(f"{self._shown(answer)}: the answer is larger than {limit} bytes")
        answer.release_conn()
        return data

    def _shown(self, answer: BaseHTTPResponse) -> str:
        return f"{self.reference.domain}{answer.url or ''}"


def discard(answer: BaseHTTPResponse) -> None:
    """Pass over an answer's body, so that its connection serves the next request."""
    from urllib3.exceptions import HTTPError

    from boxship.engine.registry.interruption import reading

    try:
        with reading(answer):
            rest = answer.read(MAX_ERROR_SIZE + 1)
    except (HTTPError, OSError):
        rest = b""  # the connection is closed already
    if len(rest) > MAX_ERROR_SIZE:
        answer.close()
    else:
        answer.release_conn()


_VAGUE_TYPES = frozenset({"", "application/json", "text/plain", "application/octet-stream"})


def _digest_of(data: bytes, algorithm: str) -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def _plain_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _error(answer: BaseHTTPResponse, body: bytes, url: str) -> RegistryError:
    return error_from_answer(
        url,
        answer.status,
        body,
        _plain_type(answer.headers.get("Content-Type", "")),
        _retry_after(answer.headers.get("Retry-After", "")),
    )


def _retry_after(value: str) -> float | None:
    """Read seconds or a date (RFC 9110 section 10.2.3)."""
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except ValueError:
        return None


def _next_page(link: str) -> str:
    target, _, parameters = link.partition(">")
    return target.lstrip(" <") if 'rel="next"' in parameters or "rel=next" in parameters else ""


class _TagList(msgspec.Struct):
    tags: list[str] | None = None


def _decode_tags(data: bytes, url: str) -> list[str]:
    try:
        return msgspec.json.decode(data, type=_TagList).tags or []
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InternalError(f"{url}: invalid list of tags: {error}") from error
