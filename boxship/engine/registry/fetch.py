"""Fetching blobs into the content store: verified, resumed and tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.registry.client import Repository
from boxship.engine.registry.errors import (
    RegistryError,
    TransferCancelledError,
    UnreachableError,
)
from boxship.engine.storage.content import ContentStore, ContentWriter
from boxship.engine.storage.errors import CorruptContentError
from boxship.engine.storage.growth import Growth
from boxship.oci.descriptor import Descriptor

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

CHUNK_SIZE = 1 << 18
FIRST_BACK_OFF_S = 0.5
MAX_BACK_OFF_S = 30.0
MAX_RETRY_AFTER_S = 120.0


@dataclass(frozen=True, slots=True)
class FetchReport:
    """How far a download is: bytes so far, or seconds until it is tried again."""

    current: int
    retry_in_s: float = 0.0


Report = Callable[[FetchReport], None]


def fetch_blob(
    source: Repository,
    blob: Descriptor,
    content: ContentStore,
    *,
    attempts: int,
    report: Report,
    cancellation: Cancellation,
    growth: Growth | None = None,
) -> None:
    """Bring a blob into the content store. [blocking]

    A broken connection is resumed where it broke; what is here of a failed or cancelled download
    stays for the next try. ``growth`` shows readers what is here so far. A blob whose digest is
    wrong is thrown away. Raises RegistryError, UnreachableError, CorruptContentError,
    StorageFullError, TransferCancelledError.
    """
    for attempt in range(1, attempts + 1):
        cancellation.check()
        if content.has(blob.digest):
            return
        try:
            _fetch_once(source, blob, content, report, cancellation, growth)
            return
        except (RegistryError, UnreachableError) as error:
            wait_s = back_off(error, attempt)
            if attempt == attempts or wait_s is None:
                raise
            report(FetchReport(0, retry_in_s=wait_s))
            cancellation.sleep(wait_s)


def back_off(error: RegistryError | UnreachableError, attempt: int) -> float | None:
    """Return how long to wait before the next attempt; None: another one is of no use."""
    if isinstance(error, RegistryError):
        if not error.is_transient:
            return None
        if error.retry_after_s is not None:
            return error.retry_after_s if error.retry_after_s <= MAX_RETRY_AFTER_S else None
    return min(FIRST_BACK_OFF_S * 2.0 ** (attempt - 1), MAX_BACK_OFF_S)


def _fetch_once(
    source: Repository,
    blob: Descriptor,
    content: ContentStore,
    report: Report,
    cancellation: Cancellation,
    growth: Growth | None,
) -> None:
    with content.resume(blob.digest, blob.size, growth) as writer:
        resumed = writer.offset > 0
        try:
            if not resumed or writer.offset < blob.size:
                _transfer(source, blob, writer, report, cancellation)
            writer.commit()
        except RegistryError as error:
            if resumed and error.status in (206, 416):
                raise UnreachableError(f"the download cannot be resumed: {error}") from error
            writer.suspend()
            raise
        except (UnreachableError, TransferCancelledError):
            writer.suspend()
            raise
        except CorruptContentError:
            if not resumed:
                raise
            raise UnreachableError("what an earlier download left was damaged") from None


def _transfer(
    source: Repository,
    blob: Descriptor,
    writer: ContentWriter,
    report: Report,
    cancellation: Cancellation,
) -> None:
    answer = source.open_blob(blob.digest, writer.offset)
    try:
        with cancellation.interrupting(_shutdown(answer)):
            if writer.offset and answer.status != 206:
                writer.restart()
            elif writer.offset and not _continues(answer, writer.offset):
                raise RegistryError(answer.status, "", "the registry sent another range than asked")
            _copy(answer, writer, report, cancellation)
    finally:
        if writer.offset == blob.size:
            answer.release_conn()
        else:
            answer.close()
    if writer.offset < blob.size:
        raise UnreachableError(
            f"{source.reference.domain}: the connection broke after {writer.offset} of "
            f"{blob.size} bytes of {blob.digest} (unexpected EOF)"
        )


def _continues(answer: BaseHTTPResponse, offset: int) -> bool:
    return answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-")


def _copy(
    answer: BaseHTTPResponse, writer: ContentWriter, report: Report, cancellation: Cancellation
) -> None:
    from urllib3.exceptions import HTTPError

    while True:
        try:
            chunk = answer.read1(CHUNK_SIZE)
        except (HTTPError, OSError, ValueError) as error:
            cancellation.check()
            raise UnreachableError(f"reading {answer.url}: connection broken: {error}") from error
        cancellation.check()
        if not chunk:
            return
        writer.write(chunk)
        report(FetchReport(writer.offset))


def _shutdown(answer: BaseHTTPResponse) -> Callable[[], None]:
    def wake() -> None:
        try:
            answer.shutdown()
        except (OSError, RuntimeError, ValueError):
            pass  # the answer is already over

    return wake
