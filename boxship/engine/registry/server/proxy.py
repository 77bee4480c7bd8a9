"""A registry that is a cache of another one: what it does not have it fetches, and keeps.

What is named by digest is fetched once. A tag is asked for at its home each time, by HEAD; when the
home is away, what was last seen is served. Many clients that want the same wait for one fetch.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.client import RegistryClient, Repository
from boxship.engine.registry.errors import RegistryError, UnreachableError
from boxship.engine.registry.server.config import ServerConfig
from boxship.engine.registry.server.download import Download
from boxship.engine.registry.server.faults import (
    BlobUnknownError,
    ManifestUnknownError,
    ReadOnlyError,
    RegistryFaultError,
    UpstreamError,
)
from boxship.engine.registry.server.manifests import read_manifest
from boxship.engine.registry.server.names import check_digest, check_name, check_tag, names_digest
from boxship.engine.registry.server.records import ManifestRecord
from boxship.engine.registry.server.service import Blob, Registry
from boxship.errors import BoxshipError
from boxship.oci.media_types import OCI_INDEX
from boxship.reference import Reference

T = TypeVar("T")
_log = logging.getLogger(__name__)
_MAX_PAGES = 1000
USE_NOTED_S = 300.0
"""Use of the same content is written down no more often."""
_MAX_USED = 100_000
_MAX_PAGE = 8 * 1024 * 1024


class UpstreamAwayError(Exception):
    """The home does not answer; what is here may do."""


class Upstream:
    """The registry behind a cache. Methods are awaited; they block worker threads."""

    def __init__(self, client: RegistryClient, host: str, auth: RegistryAuth) -> None:
        self.host = host
        self._client = client
        self._auth = auth
        self._repositories: dict[str, Repository] = {}

    def repository(self, name: str) -> Repository:
        """Return the session with a repository."""
        found = self._repositories.get(name)
        if found is None:
            found = self._client.repository(Reference(self.host, name), self._auth)
            self._repositories[name] = found
        return found

    async def ask(self, question: Callable[[], T], missing: RegistryFaultError) -> T:
        """Ask in a worker thread. Raises ``missing``, UpstreamError, UpstreamAwayError."""
        try:
            return await asyncio.to_thread(question)
        except RegistryError as error:
            if error.status == 404:
                raise missing from None
            if error.is_transient:
                raise UpstreamAwayError(str(error)) from None
            raise UpstreamError(f"{self.host} refuses: {error}") from None
        except UnreachableError as error:
            raise UpstreamAwayError(str(error)) from None
        except RegistryFaultError:
            raise
        except BoxshipError as error:
            raise UpstreamError(f"{self.host}: {error.message}") from None


class CachingRegistry(Registry):
    """A registry that fetches what it does not have."""

    def __init__(self, config: ServerConfig, upstream: Upstream) -> None:
        super().__init__(config)
        self._upstream = upstream
        self._under_way: dict[object, asyncio.Future[Any]] = {}
        self._downloads: dict[str, Download] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._used: dict[str, float] = {}

    def check_writable(self) -> None:
        """Refuse: a cache holds what its home holds."""
        raise ReadOnlyError(f"this registry is a cache of {self._upstream.host}: push there")

    def _use(self, digest: str) -> None:
        """Note, now and then, that content is in use: what is not used longest goes first."""
        now = time.monotonic()
        if now - self._used.get(digest, -USE_NOTED_S) < USE_NOTED_S:
            return
        if len(self._used) >= _MAX_USED:
            self._used.clear()
        self._used[digest] = now
        self.store.touch_blob(digest)

    # Manifests

    async def find_manifest(self, name: str, reference: str) -> ManifestRecord:
        """Find a manifest here or at its home."""
        found = await self._find_manifest(name, reference)
        self._use(found.digest)
        return found

    async def _find_manifest(self, name: str, reference: str) -> ManifestRecord:
        check_name(name)
        if names_digest(reference):
            found = self.store.manifest(name, check_digest(reference))
        else:
            check_tag(reference)
            found = None
        if found is not None:
            return found
        try:
            return await self._once(
                ("manifest", name, reference), lambda: self._fetch_manifest(name, reference)
            )
        except UpstreamAwayError as error:
            return self._last_seen(name, reference, error)

    def _last_seen(self, name: str, reference: str, error: UpstreamAwayError) -> ManifestRecord:
        try:
            return self.resolve(name, reference)
        except RegistryFaultError:
            raise UpstreamError(f"{self._upstream.host} does not answer: {error}") from None

    async def _fetch_manifest(self, name: str, reference: str) -> ManifestRecord:
        source = self._upstream.repository(name)
        missing = ManifestUnknownError("manifest unknown", {"reference": reference})
        tags = [] if names_digest(reference) else [reference]
        if tags:
            head = await self._upstream.ask(lambda: source.head_manifest(reference), missing)
            known = self.store.manifest(name, head.digest) if head else None
            if known is not None:
                self._note_tag(name, reference, known.digest)
                return known
        media_type, data, digest = await self._upstream.ask(
            lambda: source.get_manifest(reference), missing
        )
        self.check_manifest_size(len(data))
        manifest = read_manifest(data, media_type, digest)
        await self.keep_manifest(name, manifest, data, tags)
        return manifest

    def _note_tag(self, name: str, tag: str, digest: str) -> None:
        if self.store.tag(name, tag) != digest:
            with self.store.database.transaction() as tx:
                self.store.set_tag(tx, name, tag, digest)

    # Blobs

    async def find_blob(self, name: str, digest: str) -> int:
        """Return a blob's size, asking its home if it is not here."""
        try:
            return self.blob_size(name, digest)
        except BlobUnknownError as error:
            missing = error
        source = self._upstream.repository(name)
        answer = await self._reached(lambda: source.request("HEAD", f"blobs/{digest}", {}), missing)
        answer.drain_conn()
        return int(answer.headers.get("Content-Length") or 0)

    async def open_blob(self, name: str, digest: str) -> Blob:
        """Open a blob; one that is not here is served while it arrives."""
        try:
            blob = await super().open_blob(name, digest)
            self._use(digest)
            return blob
        except BlobUnknownError as error:
            missing = error
        if self.store.known_size(digest) is not None:
            await self._link_from_home(name, digest, missing)
            return await super().open_blob(name, digest)
        download = self._downloads.get(digest)
        if download is None:
            await self._once(("blob", digest), lambda: self._begin(name, digest, missing))
            download = self._downloads.get(digest)
        if download is None:  # it was so quick that it is over
            return await super().open_blob(name, digest)
        return Blob(download.open(), download.size, growing=download)

    async def _link_from_home(self, name: str, digest: str, missing: RegistryFaultError) -> None:
        """Put a blob of another repository into this one, where its home has it too."""
        source = self._upstream.repository(name)
        answer = await self._reached(lambda: source.request("HEAD", f"blobs/{digest}", {}), missing)
        answer.drain_conn()
        with self.store.database.transaction() as tx:
            self.store.link(tx, name, digest)

    async def _begin(self, name: str, digest: str, missing: RegistryFaultError) -> None:
        source = self._upstream.repository(name)
        answer = await self._reached(lambda: source.open_blob(digest), missing)
        identity = secrets.token_hex(16)
        path = self.files.upload(identity)
        download = Download(self.files, path, source, digest, answer)
        self._downloads[digest] = download
        task = asyncio.create_task(self._run(download, name, digest, identity))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, download: Download, name: str, digest: str, identity: str) -> None:
        try:
            await asyncio.to_thread(download.fetch)
            await self.adopt(name, digest, identity, download.size)
            download.complete()
        except (BoxshipError, OSError) as error:
            _log.error("%s of %s: %s", digest, name, error)
            download.fail(error)
        finally:
            del self._downloads[digest]
            download.path.unlink(missing_ok=True)

    # Lists

    async def find_tags(self, name: str, after: str, limit: int) -> list[str]:
        """List the home's tags; those here while it is away."""
        source = self._upstream.repository(check_name(name))
        missing = ManifestUnknownError("manifest unknown")
        try:
            tags = await self._upstream.ask(source.tags, missing)
        except UpstreamAwayError:
            return self.tag_names(name, after, limit)
        return sorted(tag for tag in tags if tag > after)[:limit]

    async def find_referrers(
        self, name: str, subject: str, artifact_type: str, after: str, limit: int
    ) -> list[ManifestRecord]:
        """List the home's referrers; those here while it is away or where it keeps no such list."""
        here = self.referrers(name, subject, artifact_type, after, limit)
        source = self._upstream.repository(name)
        missing = ManifestUnknownError("manifest unknown")
        try:
            found = await self._upstream.ask(lambda: _home_referrers(source, subject), missing)
        except (UpstreamAwayError, ManifestUnknownError):
            return here
        wanted = [item for item in found if artifact_type in ("", item.artifact_type)]
        wanted.sort(key=lambda item: item.digest)
        return [item for item in wanted if item.digest > after][:limit]

    # Inside

    async def _reached(self, question: Callable[[], T], missing: RegistryFaultError) -> T:
        try:
            return await self._upstream.ask(question, missing)
        except UpstreamAwayError as error:
            raise UpstreamError(f"{self._upstream.host} does not answer: {error}") from None

    async def _once(self, key: object, work: Callable[[], Awaitable[T]]) -> T:
        """Do work that several clients want at the same time once, for all of them."""
        future: asyncio.Future[T] | None = self._under_way.get(key)
        if future is None:
            future = asyncio.ensure_future(work())
            self._under_way[key] = future
            future.add_done_callback(lambda _done: self._under_way.pop(key, None))
        return await asyncio.shield(future)


class _Descriptor(msgspec.Struct, rename="camel"):
    digest: str
    size: int
    media_type: str = ""
    artifact_type: str = ""
    annotations: dict[str, str] = {}


class _Index(msgspec.Struct):
    manifests: list[_Descriptor] = []


def _home_referrers(source: Repository, subject: str) -> list[ManifestRecord]:
    """Fetch the list, page by page. [blocking]"""
    found: list[ManifestRecord] = []
    path = f"referrers/{subject}"
    for _ in range(_MAX_PAGES):
        answer = source.request("GET", path, {"Accept": OCI_INDEX})
        try:
            index = msgspec.json.decode(answer.read(_MAX_PAGE), type=_Index)
        except msgspec.DecodeError as error:
            raise UpstreamError(f"invalid list of referrers: {error}") from None
        finally:
            answer.release_conn()
        found += [
            ManifestRecord(d.digest, d.media_type, d.size, d.artifact_type, subject, d.annotations)
            for d in index.manifests
        ]
        query = _next_query(answer.headers.get("Link", ""))
        if not query:
            return found
        path = f"referrers/{subject}?{query}"
    raise UpstreamError("the list of referrers never ends")


def _next_query(link: str) -> str:
    target, _, parameters = link.partition(">")
    return urlsplit(target.lstrip(" <")).query if "next" in parameters else ""
