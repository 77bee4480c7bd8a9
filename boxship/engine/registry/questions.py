"""What registries say of images that are not here, and manifests that go there as they are.

Nothing of it is kept.
"""

import asyncio
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.body import READ_SIZE
from boxship.engine.registry.client import RegistryClient, Repository
from boxship.engine.registry.errors import RegistryError, UnreachableError, translate_question
from boxship.engine.registry.search import Found, SearchWish, search
from boxship.engine.registry.upload import has_blob
from boxship.errors import InternalError, InvalidParameterError
from boxship.oci import image as image_document
from boxship.oci import manifest as manifests
from boxship.oci.descriptor import Descriptor
from boxship.oci.document import MAX_DOCUMENT_SIZE
from boxship.oci.manifest import Index, Manifest
from boxship.oci.media_types import CONFIGS
from boxship.oci.platform import Platform
from boxship.reference import Reference, parse_normalized

T = TypeVar("T")

MAX_THREADS = 8


@dataclass(frozen=True, slots=True)
class RemoteManifest:
    """A manifest or index as a registry keeps it."""

    media_type: str
    digest: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Distribution:
    """What ``GET /distribution/{name}/json`` tells."""

    descriptor: Descriptor
    platforms: tuple[Platform, ...]


class RegistryQuestions:
    """Asks registries. Blocking work goes to threads of its own."""

    def __init__(self, client: RegistryClient) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="registry")

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def inspect(self, text: str, auth: RegistryAuth | None = None) -> Distribution:
        """Return what a registry has under a name, without pulling it.

        Raises NotFoundError, UnauthorizedError, ForbiddenError, InvalidParameterError.
        """
        reference = _named(text)

        def ask(source: Repository) -> Distribution:
            found = _fetch(source, reference)
            document = manifests.decode(found.data, found.media_type)
            kind = found.media_type or manifests.media_type_of(document)
            descriptor = Descriptor(media_type=kind, digest=found.digest, size=len(found.data))
            return Distribution(descriptor, _platforms(source, document))

        return await self._ask(reference, auth, ask)

    async def manifest(
        self, text: str, auth: RegistryAuth | None = None, *, insecure: bool = False
    ) -> RemoteManifest:
        """Return a manifest or index, verbatim. Raises as ``inspect`` does."""
        reference = _named(text)
        return await self._ask(
            reference, auth, lambda source: _fetch(source, reference), insecure=insecure
        )

    async def document(
        self, text: str, auth: RegistryAuth | None = None, *, insecure: bool = False
    ) -> bytes:
        """Return a small blob, such as a configuration, by ``name@digest``; its bytes are verified.

        Raises as ``inspect`` does, and InternalError for one that is larger than a document may be.
        """
        reference = _named(text)
        if reference.digest is None:
            raise InvalidParameterError(f"{text}: name a blob by its digest: name@sha256:…")
        digest = reference.digest
        return await self._ask(
            reference, auth, lambda source: source.read_document(digest), insecure=insecure
        )

    async def put_manifest(
        self,
        text: str,
        media_type: str,
        data: bytes,
        auth: RegistryAuth | None = None,
        *,
        insecure: bool = False,
    ) -> None:
        """Store a manifest or index under a tag or its digest. What it lists must be there.

        Raises InvalidParameterError for what is no manifest, and the registry's refusals.
        """
        reference = _named(text)
        manifests.decode(data, media_type)
        name = reference.digest or reference.tag or ""
        await self._ask(
            reference,
            auth,
            lambda target: target.put_manifest(name, media_type, data),
            insecure=insecure,
            actions="pull,push",
        )

    async def copy(
        self,
        source_text: str,
        target_text: str,
        source_auth: RegistryAuth | None = None,
        auth: RegistryAuth | None = None,
        *,
        insecure: bool = False,
    ) -> str:
        """Copy a manifest or index with all it needs to another repository; return its digest.

        Blobs are mounted within a registry and streamed between two. A target without a tag gets
        the content by its digest only.
        """
        origin, goal = _named(source_text), parse_normalized(target_text)
        source = self._client.repository(origin, source_auth, insecure=insecure)
        sources = [origin.path] if origin.domain == goal.domain else []
        target = self._client.repository(goal, auth, "pull,push", sources, insecure=insecure)

        def work() -> str:
            with _translated(goal):
                found = _fetch(source, origin)
                _Copy(source, target).manifest(found, goal.tag or found.digest)
                return found.digest

        return await self._run(work)

    async def search(self, wish: SearchWish, auth: RegistryAuth | None = None) -> list[Found]:
        """Return what a registry's search finds; see ``search.search``."""
        return await self._run(lambda: search(self._client, wish, auth))

    async def _ask(
        self,
        reference: Reference,
        auth: RegistryAuth | None,
        question: Callable[[Repository], T],
        *,
        insecure: bool = False,
        actions: str = "pull",
    ) -> T:
        repository = self._client.repository(reference, auth, actions, insecure=insecure)

        def work() -> T:
            with _translated(reference):
                return question(repository)

        return await self._run(work)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _named(text: str) -> Reference:
    return parse_normalized(text).with_default_tag()


@contextmanager
def _translated(reference: Reference) -> Iterator[None]:
    try:
        yield
    except RegistryError as error:
        raise translate_question(error, reference.familiar) from error
    except UnreachableError as error:
        raise InternalError(str(error)) from error


def _fetch(source: Repository, reference: Reference) -> RemoteManifest:
    media_type, data, digest = source.get_manifest(reference.digest or reference.tag or "")
    if not media_type:
        media_type = manifests.media_type_of(manifests.decode(data))
    return RemoteManifest(media_type, digest, data)


def _platforms(source: Repository, document: Manifest | Index) -> tuple[Platform, ...]:
    if isinstance(document, Index):
        return tuple(entry.platform for entry in document.manifests if entry.platform)
    if document.config.media_type not in CONFIGS or document.config.size > MAX_DOCUMENT_SIZE:
        return ()
    config = image_document.decode(source.read_document(document.config.digest))
    return (config.platform,)


@dataclass(slots=True)
class _Stream:
    """A blob of one registry as the body of a request to another."""

    source: Repository
    digest: str
    size: int | None

    def open(self) -> Generator[bytes, None, None]:
        """Yield the blob as it arrives."""
        answer = self.source.open_blob(self.digest)
        try:
            yield from answer.stream(READ_SIZE)
        finally:
            answer.close()


@dataclass(frozen=True, slots=True)
class _Copy:
    """Content on its way from one repository to another."""

    source: Repository
    target: Repository

    def manifest(self, found: RemoteManifest, name: str) -> None:
        """Copy what a manifest needs, then itself under ``name``. [blocking]"""
        document = manifests.decode(found.data, found.media_type)
        if isinstance(document, Index):
            for entry in document.manifests:
                kind, data, digest = self.source.get_manifest(entry.digest)
                self.manifest(RemoteManifest(kind or entry.media_type, digest, data), digest)
        else:
            for blob in (document.config, *document.layers):
                if not blob.urls:
                    self._blob(blob)
        self.target.put_manifest(name, found.media_type, found.data)

    def _blob(self, blob: Descriptor) -> None:
        if has_blob(self.target, blob.digest):
            return
        same = self.source.reference.domain == self.target.reference.domain
        mount = f"?mount={blob.digest}&from={self.source.reference.path}" if same else ""
        answer, _ = self.target.exchange("POST", f"blobs/uploads/{mount}", {"Content-Length": "0"})
        if answer.status == 201:
            return
        location = self.target.absolute(answer.headers.get("Location", ""))
        url = f"{location}{'&' if '?' in location else '?'}digest={blob.digest}"
        headers = {"Content-Type": "application/octet-stream"}
        self.target.exchange("PUT", url, headers, _Stream(self.source, blob.digest, blob.size))
