"""Archives from the web, for ``import`` of a URL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from boxship.engine.images.image import Progress, ProgressSink
from boxship.engine.images.streams import produce
from boxship.engine.images.workers import Workers
from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.registry.errors import UnreachableError
from boxship.engine.registry.transport import Transport
from boxship.errors import InternalError, InvalidParameterError, NotFoundError, UnavailableError

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

MAX_REDIRECTS = 10
_CHUNK = 1 << 20
_REPORT_EVERY = 8 << 20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def archive_url(text: str) -> str:
    """Return the URL of an archive; one without a scheme is meant as http, as in Docker.

    Raises InvalidParameterError for another scheme, or without a host.
    """
    url = text if "://" in text else f"http://{text}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidParameterError(
            f"cannot import from {text}: give an http or https URL, or send the archive in the "
            "request (fromSrc=-)"
        )
    return url


async def download(
    transport: Transport, workers: Workers, url: str, progress: ProgressSink
) -> AsyncIterator[bytes]:
    """Yield what a URL answers, and report how much came.

    Raises NotFoundError, UnavailableError for other refusals, InternalError where the
    connection fails or breaks off, InvalidParameterError for redirects that lead nowhere.
    """
    cancellation = Cancellation()
    answer = await workers.run(lambda: _open(transport, url))
    progress(Progress(status=f"Downloading from {url}"))
    total = int(answer.headers.get("Content-Length") or 0)
    done = reported = 0
    async for chunk in produce(workers, _chunks(answer, cancellation), cancellation.cancel):
        done += len(chunk)
        if done - reported >= _REPORT_EVERY:
            reported = done
            progress(Progress(status="Importing", current=done, total=total))
        yield chunk
    progress(Progress(status="Importing", current=done, total=total))


def _open(transport: Transport, url: str) -> BaseHTTPResponse:
    """Follow redirects to the answer with the archive. [blocking]"""
    for _ in range(MAX_REDIRECTS):
        try:
            answer = transport.request("GET", url, headers={})
        except UnreachableError as error:
            raise InternalError(f"cannot download {url}: {error}") from error
        if answer.status == 200:
            return answer
        location = answer.headers.get("Location", "")
        answer.close()
        if answer.status not in _REDIRECTS or not location:
            raise _refusal(url, answer.status)
        url = archive_url(urljoin(url, location))
    raise InvalidParameterError(f"cannot download {url}: stopped after {MAX_REDIRECTS} redirects")


def _refusal(url: str, status: int) -> Exception:
    kind = NotFoundError if status in (404, 410) else UnavailableError
    return kind(f"cannot download {url}: the server answered with status {status}")


def _chunks(answer: BaseHTTPResponse, cancellation: Cancellation) -> Generator[bytes, None, None]:
    """Read the body. [blocking]"""
    from urllib3.exceptions import HTTPError

    try:
        with cancellation.interrupting(_waker(answer)):
            while chunk := answer.read1(_CHUNK):
                cancellation.check()
                yield chunk
    except (HTTPError, OSError, ValueError) as error:
        cancellation.check()
        raise InternalError(
            f"cannot download {answer.url}: the connection broke off: {error}"
        ) from error
    finally:
        answer.close()


def _waker(answer: BaseHTTPResponse) -> Callable[[], None]:
    def wake() -> None:
        with suppress(OSError, RuntimeError, ValueError):  # it is over already
            answer.shutdown()

    return wake
