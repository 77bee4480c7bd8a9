"""The registry's verbs. The HTTP face calls these and nothing below them."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from boxship.engine.registry.server.config import ServerConfig
from boxship.engine.registry.server.faults import (
    BlobUnknownError,
    DigestInvalidError,
    ManifestInvalidError,
    ManifestUnknownError,
    NameUnknownError,
    ReadOnlyError,
    ReferenceMissingError,
    TooLargeError,
    TooManyRequestsError,
    UploadUnknownError,
)
from boxship.engine.registry.server.files import Files, flush
from boxship.engine.registry.server.manifests import digest_of, read_manifest
from boxship.engine.registry.server.names import check_digest, check_name, check_tag, names_digest
from boxship.engine.registry.server.records import ManifestRecord, TagRecord, UploadRecord
from boxship.engine.registry.server.store import Store, existing
from boxship.engine.registry.server.uploads import Progress, check_start
from boxship.engine.state.database import Transaction

_DEFAULT_ALGORITHM = "sha256"


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob that is open for reading; whoever got it closes the descriptor."""

    descriptor: int
    size: int
    growing: Growing | None = None
    """Set while the blob is still on its way from elsewhere: its bytes are to be had there."""


class Growing(Protocol):
    """A blob that is served while it arrives."""

    def read(self, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield a part as it arrives; the last bytes once the digest was right."""


class Registry:
    """One registry on one directory. Used from the event loop."""

    def __init__(self, config: ServerConfig) -> None:
        config.root.mkdir(parents=True, exist_ok=True)
        self.config = config
        self.files = Files(config.root)
        self.store = Store(config.root)
        self._progress: dict[str, Progress] = {}
        self._receiving = 0

    def close(self) -> None:
        """Close the tables."""
        self.store.database.close()

    def check_writable(self) -> None:
        """Raise ReadOnlyError where nothing may be changed."""
        if self.config.read_only:
            raise ReadOnlyError("the registry is read-only: it was started with --read-only")

    # Blobs

    def blob_size(self, name: str, digest: str) -> int:
        """Return a blob's size. Raises BlobUnknownError."""
        size = self.store.blob_size(check_name(name), check_digest(digest))
        if size is None or not self.files.holds(digest, size):
            raise BlobUnknownError("blob unknown to registry", {"digest": digest})
        return size

    async def find_blob(self, name: str, digest: str) -> int:
        """Return a blob's size, of whatever registry is behind this one as well."""
        return self.blob_size(name, digest)

    async def open_blob(self, name: str, digest: str) -> Blob:
        """Open a blob for reading. Raises BlobUnknownError."""
        size = self.blob_size(name, digest)
        try:
            return Blob(os.open(self.files.blob(digest), os.O_RDONLY | os.O_CLOEXEC), size)
        except FileNotFoundError:  # collected in this very moment
            raise BlobUnknownError("blob unknown to registry", {"digest": digest}) from None

    def remove_blob(self, name: str, digest: str) -> None:
        """Take a blob out of a repository. Raises BlobUnknownError."""
        self.check_writable()
        if self.store.blob_size(check_name(name), check_digest(digest)) is None:
            raise BlobUnknownError("blob unknown to registry", {"digest": digest})
        with self.store.database.transaction() as tx:
            self.store.unlink(tx, name, digest)

    def mount(self, name: str, digest: str, allowed: Callable[[str], bool]) -> bool:
        """Put a blob of another repository into this one; False if there is none.

        allowed: tells whether the client may read from a repository.
        """
        self.check_writable()
        check_name(name)
        if not any(allowed(source) for source in self.store.repositories_with(digest)):
            return False
        with self.store.database.transaction() as tx:
            self.store.link(tx, name, digest)
        return True

    # Uploads

    def begin_upload(self, name: str, algorithm: str = "") -> str:
        """Begin an upload and return its identity."""
        self.check_writable()
        algorithm = algorithm or _DEFAULT_ALGORITHM
        if algorithm not in ("sha256", "sha384", "sha512"):
            raise DigestInvalidError(f"unsupported digest algorithm {algorithm[:40]!r}")
        identity = secrets.token_hex(16)
        with self.files.disk_errors():
            self.files.upload(identity).touch(0o600, exist_ok=False)
        self.store.begin_upload(UploadRecord(identity, check_name(name), algorithm, time.time()))
        return identity

    def upload_size(self, name: str, identity: str) -> int:
        """Return how many bytes of an upload are here. Raises UploadUnknownError."""
        return self._upload(name, identity).size()

    async def receive(
        self, name: str, identity: str, start: int | None, body: AsyncIterator[bytes]
    ) -> int:
        """Append bytes to an upload; returns its size.

        start: where they belong; None: at the end. Raises RangeInvalidError, TooLargeError,
        NoSpaceError, UploadUnknownError, TooManyRequestsError.
        """
        self.check_writable()
        progress = self._upload(name, identity)
        await progress.take_over()
        check_start(start, progress.size())
        if self._receiving >= self.config.max_uploads:
            raise TooManyRequestsError(
                f"{self._receiving} uploads are under way, which is the limit: try again later"
            )
        self._receiving += 1
        try:
            patient = _until_it_stalls(body, self.config.stall_s)
            await progress.receive(patient, self.files, self.config.max_blob_size)
        finally:
            self._receiving -= 1
            self.store.touch_upload(identity)
        return progress.size()

    def expect(self, name: str, identity: str, digest: str) -> None:
        """Say which digest an upload will have, before its bytes come: it spares reading twice."""
        check_digest(digest)
        self._upload(name, identity).use(digest.partition(":")[0])

    async def find_tags(self, name: str, after: str, limit: int) -> list[str]:
        """List tags, of whatever registry is behind this one as well."""
        return self.tag_names(name, after, limit)

    async def find_referrers(
        self, name: str, subject: str, artifact_type: str, after: str, limit: int
    ) -> list[ManifestRecord]:
        """List referrers, of whatever registry is behind this one as well."""
        return self.referrers(name, subject, artifact_type, after, limit)

    async def finish_upload(self, name: str, identity: str, digest: str) -> None:
        """Make a blob of an upload. Raises DigestInvalidError; the upload is gone then."""
        self.check_writable()
        check_digest(digest)
        progress = self._upload(name, identity)
        await progress.take_over()
        with progress.finishing():
            progress.use(digest.partition(":")[0])
            found = await asyncio.to_thread(progress.digest)
            if found != digest:
                self._forget(identity)
                raise DigestInvalidError(
                    "provided digest did not match uploaded content",
                    {"provided": digest, "content": found},
                )
            await self.adopt(name, digest, identity, progress.hashed)

    async def adopt(self, name: str, digest: str, identity: str, size: int) -> None:
        """Make a blob of a file whose digest was checked; on the disk when this returns."""
        path = self.files.upload(identity)
        await asyncio.to_thread(self.files.prepare, digest, path)
        with self.store.database.transaction() as tx:
            self._publish(tx, digest, path, size)
            self.store.link(tx, name, digest)
            self.store.end_upload(tx, identity)
        self._progress.pop(identity, None)
        path.unlink(missing_ok=True)
        await asyncio.to_thread(self.files.settle, digest)

    def _publish(self, tx: Transaction, digest: str, path: Path, size: int) -> None:
        """Name a file that was prepared; another push may have been faster with the same."""
        if self.store.known_size(digest) is None or not self.files.holds(digest, size):
            self.files.publish(digest, path)
        self.store.add_blob(tx, digest, size)

    async def cancel_upload(self, name: str, identity: str) -> None:
        """Drop an upload. Raises UploadUnknownError."""
        self.check_writable()
        await self._upload(name, identity).take_over()
        self._forget(identity)

    def _forget(self, identity: str) -> None:
        with self.store.database.transaction() as tx:
            self.store.end_upload(tx, identity)
        self._progress.pop(identity, None)
        self.files.upload(identity).unlink(missing_ok=True)

    def _upload(self, name: str, identity: str) -> Progress:
        record = self.store.upload(identity)
        if record is None:
            self._progress.pop(identity, None)
        if record is None or record.repository != check_name(name):
            raise UploadUnknownError("blob upload unknown to registry", {"upload": identity[:80]})
        progress = self._progress.get(identity)
        if progress is None:
            progress = Progress(self.files.upload(identity), record.algorithm)
            self._progress[identity] = progress
        return progress

    # Manifests

    def resolve(self, name: str, reference: str) -> ManifestRecord:
        """Find a manifest by tag or digest. Raises ManifestUnknownError, NameUnknownError."""
        check_name(name)
        if names_digest(reference):
            digest: str | None = check_digest(reference)
        else:
            digest = self.store.tag(name, check_tag(reference))
        found = self.store.manifest(name, digest) if digest else None
        if found is None and not self.store.has_repository(name):
            raise NameUnknownError("repository name not known to registry", {"name": name})
        if found is None:
            raise ManifestUnknownError("manifest unknown", {"reference": reference})
        return found

    async def find_manifest(self, name: str, reference: str) -> ManifestRecord:
        """Find a manifest, in whatever registry is behind this one as well."""
        return self.resolve(name, reference)

    def read_manifest(self, manifest: ManifestRecord) -> bytes:
        """Return a manifest's bytes. [blocking]"""
        try:
            return self.files.blob(manifest.digest).read_bytes()
        except FileNotFoundError:  # collected in this very moment
            raise ManifestUnknownError("manifest unknown", {"reference": manifest.digest}) from None

    async def put_manifest(
        self, name: str, reference: str, data: bytes, media_type: str, tags: Iterable[str] = ()
    ) -> ManifestRecord:
        """Store a manifest by tag or digest; ``tags`` are further names for it.

        Raises ManifestInvalidError, ReferenceMissingError, DigestInvalidError, TooLargeError.
        """
        self.check_writable()
        check_name(name)
        self.check_manifest_size(len(data))
        wanted = [check_tag(tag) for tag in tags]
        digest = self._named_digest(reference, data)
        if not names_digest(reference):
            wanted.append(check_tag(reference))
        manifest = read_manifest(data, media_type, digest)
        if not self.config.allow_sparse:
            self._check_members(name, manifest)
        await self.keep_manifest(name, manifest, data, wanted)
        return manifest

    def check_manifest_size(self, size: int) -> None:
        """Raise TooLargeError for a manifest that is not taken."""
        if size > self.config.max_manifest_size:
            raise TooLargeError(
                f"the manifest is larger than the {self.config.max_manifest_size} bytes that this "
                "registry takes"
            )

    def _named_digest(self, reference: str, data: bytes) -> str:
        if not names_digest(reference):
            return digest_of(data, _DEFAULT_ALGORITHM)
        found = digest_of(data, check_digest(reference).partition(":")[0])
        if found != reference:
            raise DigestInvalidError(
                "provided digest did not match uploaded content",
                {"provided": reference, "content": found},
            )
        return found

    def _check_members(self, name: str, manifest: ManifestRecord) -> None:
        if manifest.digest in manifest.members:
            raise ManifestInvalidError("invalid manifest: it is a part of itself")
        here = existing(self.store, name, manifest.members)
        missing = [member for member in manifest.members if member not in here]
        if missing:
            raise ReferenceMissingError(
                f"manifest references content that is not in the repository: {missing[0]}"
                + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""),
                {"digests": missing[:100]},
            )

    async def keep_manifest(
        self, name: str, manifest: ManifestRecord, data: bytes, tags: Iterable[str]
    ) -> None:
        """Store a manifest that was read and checked; on the disk when this returns."""
        identity = secrets.token_hex(16)
        digest = manifest.digest
        path = await asyncio.to_thread(self.files.write_new, identity, data)
        try:
            await asyncio.to_thread(self.files.prepare, digest, path)
            with self.store.database.transaction() as tx:
                self._publish(tx, digest, path, len(data))
                self.store.add_manifest(tx, name, manifest)
                for tag in tags:
                    self.store.set_tag(tx, name, tag, digest)
        finally:
            path.unlink(missing_ok=True)
        await asyncio.to_thread(self._settle, digest)

    def _settle(self, digest: str) -> None:
        """Flush a name and the tables' log, which a commit leaves to the kernel."""
        self.files.settle(digest)
        flush(self.config.root / "registry.db-wal")

    def remove_manifest(self, name: str, reference: str) -> None:
        """Remove a tag, or a manifest with all of its tags. Raises ManifestUnknownError."""
        self.check_writable()
        manifest = self.resolve(name, reference)
        with self.store.database.transaction() as tx:
            if names_digest(reference):
                self.store.remove_manifest(tx, name, manifest.digest)
            else:
                self.store.remove_tag(tx, name, reference)

    # Lists

    def tag_names(self, name: str, after: str, limit: int) -> list[str]:
        """List tags after one, in the order of their bytes. Raises NameUnknownError."""
        self._check_known(name)
        return self.store.tag_names(name, after, limit)

    def tags(self, name: str, after: str, limit: int) -> list[TagRecord]:
        """List tags with their digests and sizes. Raises NameUnknownError."""
        self._check_known(name)
        return self.store.tags(name, after, limit)

    def referrers(
        self, name: str, subject: str, artifact_type: str, after: str, limit: int
    ) -> list[ManifestRecord]:
        """List the manifests about a subject, which need not be here itself."""
        check_name(name)
        check_digest(subject)
        return self.store.referrers(name, subject, artifact_type, after, limit)

    def repositories(self, after: str, limit: int) -> list[str]:
        """List repositories after one."""
        return self.store.repositories(after, limit)

    def _check_known(self, name: str) -> None:
        if not self.store.has_repository(check_name(name)):
            raise NameUnknownError("repository name not known to registry", {"name": name})


async def _until_it_stalls(body: AsyncIterator[bytes], limit_s: float) -> AsyncIterator[bytes]:
    """Yield a body; ConnectionAbortedError when nothing of it comes for ``limit_s``."""
    while True:
        try:
            async with asyncio.timeout(limit_s):
                data = await anext(body, None)
        except TimeoutError:
            raise ConnectionAbortedError("the client sends nothing any more") from None
        if data is None:
            return
        yield data
