"""HTTP connections to registries: TLS with their own certificates, proxies, time limits.

urllib3 is imported with the first request: an engine that never pulls does not pay for it.
"""

from __future__ import annotations

import os
import ssl
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boxship
from boxship.engine.config import RegistryConfig
from boxship.engine.registry.endpoint import is_loopback, split_host
from boxship.engine.registry.errors import PlainHttpError, UnreachableError
from boxship.engine.registry.idle import IdleConnections
from boxship.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import urllib3
    from urllib3.response import BaseHTTPResponse

    from boxship.engine.registry.body import Body

CERTIFICATES_DIRECTORY = Path("/etc/boxship/certs.d")
MAX_HOSTS = 64
"""Hosts that connections are kept for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """Seconds that a registry may keep us waiting."""

    connect: float = 15.0
    read: float = 30.0
    """Between two pieces of an answer."""
    idle: float = 30.0
    """That a connection is kept for the next request."""


class Transport:
    """Keeps connections alive between requests. Safe from several threads; methods block."""

    def __init__(
        self,
        config: RegistryConfig,
        *,
        certificates: Path = CERTIFICATES_DIRECTORY,
        limits: TimeLimits | None = None,
        idle: IdleConnections | None = None,
    ) -> None:
        self._config = config
        self._certificates = certificates
        self._limits = limits or TimeLimits()
        self._idle = idle or IdleConnections(self._limits.idle)
        self._pools: dict[tuple[str, bool], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Body | None = None,
        verify_tls: bool = True,
    ) -> BaseHTTPResponse:
        """Send one request; the answer's body is left to be read, redirects to the caller.

        Raises UnreachableError.
        """
        from urllib3.exceptions import HTTPError

        from boxship.engine.registry.interruption import forget_connection

        try:
            return self._exchange(method, url, headers, body, verify_tls)
        except (HTTPError, OSError, ValueError) as error:
            kind = PlainHttpError if _is_plain_http(error) else UnreachableError
            raise kind(f'{_verb(method)} "{url}": {explain(error, url)}') from error
        finally:
            forget_connection()

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Body | None,
        verify_tls: bool,
    ) -> BaseHTTPResponse:
        import urllib3

        sent = {
            "User-Agent": f"boxship/{boxship.__version__}",
            "Accept-Encoding": "identity",
            **headers,
        }
        timeout = urllib3.Timeout(connect=self._limits.connect, read=self._limits.read)
        with _opened(body, sent) as source:
            return self._pool(url, verify_tls).request(
                method,
                url,
                headers=sent,
                body=source,
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )

    def reconfigure(self, config: RegistryConfig) -> None:
        """Use other settings for new connections."""
        with self._lock:
            self._config = config
            self._pools = {}
        self._idle.close()

    def close(self) -> None:
        """Drop all idle connections."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()
        self._idle.close()

    def _pool(self, url: str, verify_tls: bool) -> urllib3.PoolManager:
        key = (urlsplit(url).netloc, verify_tls)
        with self._lock:
            pool = self._pools.pop(key, None) or self._new_pool(url, verify_tls)
            self._pools[key] = pool  # the one used last stands last
            if len(self._pools) > MAX_HOSTS:
                del self._pools[next(iter(self._pools))]
            return pool

    def _new_pool(self, url: str, verify_tls: bool) -> urllib3.PoolManager:
        import urllib3

        from boxship.engine.registry.interruption import interruptible_pools

        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the user asked for it
        parts = urlsplit(url)
        context = None
        if parts.scheme == "https":
            context = tls_context(self._certificates / parts.netloc, verify_tls)
        proxy = self._proxy(parts.scheme, split_host(parts.netloc))
        size = self._config.max_concurrent_downloads + self._config.max_concurrent_uploads
        manager = (
            urllib3.ProxyManager(proxy, maxsize=size, ssl_context=context)
            if proxy
            else urllib3.PoolManager(maxsize=size, ssl_context=context)
        )
        manager.pool_classes_by_scheme = interruptible_pools(self._idle)
        return manager

    def _proxy(self, scheme: str, host: str) -> str:
        """Return the proxy's URL; the configuration wins over the environment."""
        if is_loopback(host) or self._is_exempt(host):
            return ""
        configured = (
            self._config.https_proxy if scheme == "https" else self._config.http_proxy
        ) or _environment(f"{scheme}_proxy")
        return configured if "://" in configured or not configured else f"http://{configured}"

    def _is_exempt(self, host: str) -> bool:
        exempt = self._config.no_proxy or _environment("no_proxy")
        names = (name.strip().lstrip(".") for name in exempt.split(","))
        return any(
            name == "*" or host == name or host.endswith(f".{name}") for name in names if name
        )


@contextmanager
def _opened(
    body: bytes | Body | None, headers: dict[str, str]
) -> Iterator[bytes | Iterable[bytes] | None]:
    """Open a body for one attempt and note its length in the headers."""
    if isinstance(body, bytes) or body is None:
        yield body
        return
    if body.size is not None:
        headers["Content-Length"] = str(body.size)
    with closing(body.open()) as chunks:
        yield chunks


def tls_context(directory: Path, verify: bool) -> ssl.SSLContext:
    """Return the TLS settings for a host: the system's authorities and those in ``directory``.

    As in Docker: ``*.crt`` are authorities, ``*.cert`` with ``*.key`` is a client certificate.
    """
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        for authority in sorted(directory.glob("*.crt")):
            context.load_verify_locations(authority)
        for certificate in sorted(directory.glob("*.cert")):
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    except (OSError, ssl.SSLError) as error:
        raise InternalError(f"cannot use the certificates in {directory}: {error}") from error
    return context


def _environment(name: str) -> str:
    return os.environ.get(name.upper()) or os.environ.get(name) or ""


def _verb(method: str) -> str:
    return method.capitalize()


def explain(error: BaseException, url: str) -> str:
    """Say why a connection failed, in the words that Docker's users know."""
    from urllib3.exceptions import (
        ConnectTimeoutError,
        NameResolutionError,
        NewConnectionError,
        ReadTimeoutError,
    )

    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if isinstance(error, NameResolutionError):
        return f"dial tcp: lookup {parts.hostname}: no such host"
    is_new = isinstance(error, NewConnectionError)  # a kind of timeout, for urllib3
    if isinstance(error, ConnectTimeoutError) and not is_new:
        return f"dial tcp {parts.hostname}:{port}: i/o timeout"
    if isinstance(error, ReadTimeoutError):
        return "the registry stopped answering (i/o timeout)"
    cause = _root_cause(error)
    if isinstance(cause, ssl.SSLError):
        return _explain_tls(cause, parts.netloc)
    if isinstance(cause, ConnectionRefusedError):
        return f"dial tcp {parts.hostname}:{port}: connect: connection refused"
    if isinstance(cause, OSError) and cause.strerror:
        return f"dial tcp {parts.hostname}:{port}: {cause.strerror.lower()}"
    return str(cause) or type(cause).__name__


def _root_cause(error: BaseException) -> BaseException:
    seen = error
    for _ in range(8):
        inner = seen.__cause__ or seen.__context__
        nested = next((arg for arg in seen.args if isinstance(arg, BaseException)), None)
        if inner is None and nested is None:
            break
        seen = inner or nested or seen
    return seen


_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})


def _is_plain_http(error: BaseException) -> bool:
    cause = _root_cause(error)
    return isinstance(cause, ssl.SSLError) and cause.reason in _NOT_TLS


def _explain_tls(error: ssl.SSLError, host: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"tls: failed to verify certificate: {error.verify_message}; put the authority's "
            f"certificate into {CERTIFICATES_DIRECTORY}/{host}/ca.crt, or list {host} among the "
            "insecure-registries"
        )
    if error.reason in _NOT_TLS:
        return (
            "http: server gave HTTP response to HTTPS client; list the registry among the "
            "insecure-registries to reach it without TLS"
        )
    return f"tls: {(error.reason or str(error)).lower().replace('_', ' ')}"
