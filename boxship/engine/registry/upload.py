"""Sending blobs to a registry: mounted where it has them already, resumed, tried again.

The way of a blob is that of the distribution specification: HEAD, then POST, which mounts it from
another repository or opens a session, then one PUT with everything. A session whose connection
broke goes on where the registry says it stands; a lost one begins anew. Where a proxy refuses large
requests the blob goes in chunks. Everything here blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from boxship.engine.registry.body import Body, FileBody
from boxship.engine.registry.cancellation import Cancellation
from boxship.engine.registry.client import Repository, discard
from boxship.engine.registry.errors import RegistryError, UnreachableError
from boxship.engine.registry.fetch import back_off
from boxship.errors import InternalError
from boxship.oci.descriptor import Descriptor

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

CHUNK_SIZE = 8 << 20
"""Bytes of one request where a registry, or a proxy before it, does not take a blob at once."""
MAX_MOUNT_ATTEMPTS = 3
_TOO_LARGE = 413
_LOST = frozenset({404, 410})
_OUT_OF_ORDER = 416
_OCTETS = {"Content-Type": "application/octet-stream"}


class Outcome(Enum):
    """How a blob came to be in the repository."""

    EXISTED = "Layer already exists"
    MOUNTED = "Mounted from"
    PUSHED = "Pushed"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of a blob; source: the repository's path it was mounted from, if it was."""

    outcome: Outcome
    source: str = ""


@dataclass(frozen=True, slots=True)
class UploadReport:
    """How far an upload is: bytes so far, or seconds until it is tried again."""

    current: int
    retry_in_s: float = 0.0


Report = Callable[[UploadReport], None]


def has_blob(target: Repository, digest: str) -> bool:
    """Tell whether the repository has a blob. Raises RegistryError, UnreachableError."""
    try:
        answer = target.request("HEAD", f"blobs/{digest}", {})
    except RegistryError as error:
        if error.status in _LOST or error.status == 405:
            return False
        raise
    discard(answer)
    return True


@dataclass(slots=True)
class _Session:
    """An upload that the registry has opened."""

    location: str
    """Absolute URL."""
    offset: int = 0
    least_chunk: int = 0
    is_fresh: bool = True
    """Nothing was sent that the registry may or may not have taken."""


@dataclass(slots=True)
class BlobUpload:
    """One blob on its way to one repository.

    path: where its bytes are. sources: paths of repositories of the same registry that may have it.
    attempts: how often a failure that may pass is met with another try.
    """

    target: Repository
    blob: Descriptor
    path: Path
    sources: Sequence[str]
    attempts: int
    report: Report
    cancellation: Cancellation
    _session: _Session | None = None
    _in_chunks: bool = False

    def run(self) -> Uploaded:
        """Return when the repository has the blob.

        Raises RegistryError, UnreachableError, TransferCancelledError, CorruptContentError.
        """
        from boxship.engine.registry.interruption import interruptible

        for attempt in range(1, self.attempts + 1):
            self.cancellation.check()
            try:
                with interruptible(self.cancellation):
                    return self._once(is_again=attempt > 1)
            except (RegistryError, UnreachableError) as error:
                wait_s = self._next_try(error, attempt)
                if attempt == self.attempts or wait_s is None:
                    raise
                self.report(UploadReport(0, retry_in_s=wait_s))
                self.cancellation.sleep(wait_s)
        raise InternalError("no attempt to upload was allowed")

    def _next_try(self, error: RegistryError | UnreachableError, attempt: int) -> float | None:
        """Return how long to wait before another attempt, None for none."""
        if isinstance(error, RegistryError):
            if error.status == _TOO_LARGE and not self._in_chunks:
                self._in_chunks, self._session = True, None
                return 0.0
            if self._session is not None and error.status in (*_LOST, _OUT_OF_ORDER):
                self._session = None
                return back_off(UnreachableError(str(error)), attempt)
        return back_off(error, attempt)

    def _once(self, *, is_again: bool) -> Uploaded:
        if self._session is not None and not self._session.is_fresh:
            self._ask_offset(self._session)
        if self._session is None:
            if is_again and has_blob(self.target, self.blob.digest):
                return Uploaded(Outcome.PUSHED)
            mounted = self._open()
            if mounted:
                return Uploaded(Outcome.MOUNTED, mounted)
        self._send()
        return Uploaded(Outcome.PUSHED)

    def _open(self) -> str:
        """Open a session, or return the path of the repository that the blob was mounted from."""
        candidates = list(self.sources[:MAX_MOUNT_ATTEMPTS])
        for source in candidates:
            query = urlencode({"mount": self.blob.digest, "from": source})
            if self._post(f"blobs/uploads/?{query}") == 201:
                return source
            if source != candidates[-1]:
                self._abandon()
        if not candidates:
            self._post("blobs/uploads/")
        return ""

    def _post(self, path: str) -> int:
        answer, _ = self.target.exchange("POST", path, {"Content-Length": "0"})
        if answer.status == 201:
            return 201
        location = self._location(answer, "")
        least = answer.headers.get("OCI-Chunk-Min-Length", "")
        self._session = _Session(location, least_chunk=int(least) if least.isdigit() else 0)
        return answer.status

    def _abandon(self) -> None:
        """Give a session up that is not needed; the registry would find it later by itself."""
        session, self._session = self._session, None
        if session is not None:
            try:
                self.target.exchange("DELETE", session.location, {})
            except (RegistryError, UnreachableError):
                return

    def _ask_offset(self, session: _Session) -> None:
        """Learn how much of a broken upload has arrived; forget a session that is lost."""
        try:
            answer, _ = self.target.exchange("GET", session.location, {})
        except RegistryError as error:
            if error.is_transient:
                raise
            self._session = None
            return
        last = answer.headers.get("Range", "").removeprefix("bytes=").rpartition("-")[2]
        # "0-0" stands for nothing as well as for one byte: sending that byte again is refused
        # where it was taken, and then the upload begins anew.
        session.offset = int(last) + 1 if last.isdigit() and int(last) else 0
        session.location = self._location(answer, session.location)
        session.is_fresh = session.offset == 0
        if session.offset > self.blob.size:
            self._session = None

    def _send(self) -> None:
        session = self._session
        if session is None:
            raise InternalError("an upload without a session")
        if self._in_chunks or not session.is_fresh:
            self._send_chunks(session)
            self._finish(session, None)
        else:
            session.is_fresh = False
            self._finish(session, self._body(session.offset, self.blob.size - session.offset))
        self._session = None

    def _send_chunks(self, session: _Session) -> None:
        size = max(CHUNK_SIZE, session.least_chunk) if self._in_chunks else self.blob.size
        while session.offset < self.blob.size:
            length = min(size, self.blob.size - session.offset)
            end = session.offset + length
            headers = {**_OCTETS, "Content-Range": f"{session.offset}-{end - 1}"}
            session.is_fresh = False
            answer, _ = self.target.exchange(
                "PATCH", session.location, headers, self._body(session.offset, length)
            )
            session.location = self._location(answer, session.location)
            session.offset = end

    def _finish(self, session: _Session, body: Body | None) -> None:
        separator = "&" if urlsplit(session.location).query else "?"
        url = f"{session.location}{separator}digest={quote(self.blob.digest, safe='')}"
        headers = _OCTETS if body is not None else {"Content-Length": "0"}
        answer, _ = self.target.exchange("PUT", url, headers, body)
        stored = answer.headers.get("Docker-Content-Digest", self.blob.digest)
        if stored != self.blob.digest:
            raise InternalError(
                f"{self.target.reference.domain} stored {self.blob.digest} as {stored}: what it "
                "received was damaged, or it lies"
            )

    def _body(self, offset: int, length: int) -> FileBody:
        def sent(done: int) -> None:
            self.cancellation.check()
            self.report(UploadReport(offset + done))

        return FileBody(self.path, offset, length, sent)

    def _location(self, answer: BaseHTTPResponse, before: str) -> str:
        """Return where the session goes on, as an absolute URL."""
        location = answer.headers.get("Location", "")
        if not location:
            if before:
                return before
            raise RegistryError(
                answer.status, "", "the registry opened an upload but did not say where (Location)"
            )
        return self.target.absolute(location)
