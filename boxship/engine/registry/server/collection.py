"""Garbage collection: what no tag and no manifest leads to goes, while the registry serves.

It may run in another process than the server's. Two rules make that safe. Whatever is young stays:
a blob comes before the manifest that names it. And a file gets or loses its name only inside a
transaction that also settles its row, and there is one transaction at a time.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boxship.engine.registry.server.config import ServerConfig
from boxship.engine.registry.server.files import Files
from boxship.engine.registry.server.store import Store
from boxship.engine.state.database import Transaction

_LOST_S: Final = 3600.0
"""A file on its way in has its row a moment later; one that is older never will."""
_KEPT_MANIFESTS: Final = """
WITH RECURSIVE kept (repository, digest) AS (
    SELECT repository, digest FROM tags
    UNION SELECT repository, digest FROM manifests WHERE pushed > :young
    UNION SELECT e.repository, e.digest FROM kept k
        JOIN members e ON e.repository = k.repository AND e.manifest = k.digest
        JOIN manifests m ON m.repository = e.repository AND m.digest = e.digest
    UNION SELECT m.repository, m.digest FROM kept k
        JOIN manifests m ON m.repository = k.repository AND m.subject = k.digest
        WHERE m.subject <> ''
)
"""
"""Tagged, young, a part of one that is kept, or about one that is kept."""
_DROP_MANIFESTS: Final = f"""
DELETE FROM manifests WHERE (repository, digest) IN (
    SELECT repository, digest FROM manifests EXCEPT
    SELECT repository, digest FROM ({_KEPT_MANIFESTS} SELECT repository, digest FROM kept)
)
"""
_DROP_LINKS: Final = """
DELETE FROM links WHERE touched <= :young AND NOT EXISTS (
    SELECT 1 FROM members e WHERE e.repository = links.repository AND e.digest = links.digest
)
"""
_DROP_BLOBS: Final = """
DELETE FROM blobs WHERE touched <= :young
    AND NOT EXISTS (SELECT 1 FROM links l WHERE l.digest = blobs.digest)
    AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.digest = blobs.digest)
RETURNING digest, size
"""
_STALE_UPLOADS: Final = "SELECT identity FROM uploads WHERE touched <= ?"
_DROP_REPOSITORIES: Final = """
DELETE FROM repositories
    WHERE NOT EXISTS (SELECT 1 FROM links l WHERE l.repository = repositories.id)
    AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.repository = repositories.id)
"""


@dataclass(frozen=True, slots=True)
class Collected:
    """What went, or would go."""

    manifests: int = 0
    """How many manifests left a repository."""
    blobs: tuple[tuple[str, int], ...] = ()
    """Digest and size of contents that are in no repository any more."""
    uploads: tuple[tuple[str, int], ...] = ()
    """Uploads that nobody went on with, and their bytes."""
    orphans: tuple[tuple[str, int], ...] = ()
    """Files that nothing tells of: left by a kill at the wrong moment."""

    @property
    def size(self) -> int:
        """Bytes that become free."""
        return sum(size for kind in (self.blobs, self.uploads, self.orphans) for _, size in kind)


class _DryRunError(Exception):
    """Ends a transaction that must not be committed."""


def collect(config: ServerConfig, *, untagged: bool = False, dry_run: bool = False) -> Collected:
    """Remove what nothing leads to. [blocking]

    untagged: manifests without a tag go too, unless a tagged one leads to them. dry_run: only tell
    what would go.
    """
    store = Store(config.root)
    try:
        collection = _Collection(store, Files(config.root), config, untagged=untagged)
        return collection.plan() if dry_run else collection.run()
    finally:
        store.database.close()


class _Collection:
    """One run, with a connection of its own to the tables."""

    def __init__(self, store: Store, files: Files, config: ServerConfig, *, untagged: bool) -> None:
        self._store = store
        self._files = files
        self._untagged = untagged
        now = time.time()
        self._young = now - config.grace_s
        self._stale = now - config.upload_lifetime_s
        self._lost = now - max(config.grace_s, _LOST_S)

    def plan(self) -> Collected:
        """Tell what would go."""
        found = Collected()
        try:
            with self._store.database.transaction() as tx:
                found = self._drop_rows(tx)
                raise _DryRunError
        except _DryRunError:
            orphans = tuple(self._unknown())
            uploads = (*found.uploads, *self._lost_uploads())
            return Collected(found.manifests, found.blobs, uploads, orphans)

    def run(self) -> Collected:
        """Remove rows, then the files that no row tells of any more."""
        with self._store.database.transaction() as tx:
            found = self._drop_rows(tx)
        forgotten = {digest for digest, _ in found.blobs}
        orphans = tuple(gone for gone in self._drop_files() if gone[0] not in forgotten)
        uploads = (*found.uploads, *self._lost_uploads())
        for identity, _ in uploads:
            self._files.upload(identity).unlink(missing_ok=True)
        return Collected(found.manifests, found.blobs, uploads, orphans)

    def _drop_rows(self, tx: Transaction) -> Collected:
        young = {"young": self._young}
        manifests = tx.execute(_DROP_MANIFESTS, young).rowcount if self._untagged else 0
        tx.execute(_DROP_LINKS, young)
        blobs = [(row["digest"], row["size"]) for row in tx.execute(_DROP_BLOBS, young).fetchall()]
        uploads = tuple(self._drop_uploads(tx))
        tx.execute(_DROP_REPOSITORIES)
        return Collected(manifests, tuple(blobs), uploads)

    def _drop_uploads(self, tx: Transaction) -> Iterator[tuple[str, int]]:
        sizes = dict(self._old_uploads(self._stale))
        for row in tx.execute(_STALE_UPLOADS, (self._stale,)).fetchall():
            identity = row["identity"]
            if identity in sizes or not self._files.upload(identity).exists():
                self._store.end_upload(tx, identity)
                yield identity, sizes.get(identity, 0)

    def _old_uploads(self, before: float) -> Iterator[tuple[str, int]]:
        """List uploads whose bytes are all older than a moment."""
        for name, status in self._files.all_uploads():
            if status.st_mtime <= before:
                yield name, status.st_size

    def _lost_uploads(self) -> Iterator[tuple[str, int]]:
        """List old files among the uploads that no row tells of."""
        return (
            found for found in self._old_uploads(self._lost) if self._store.upload(found[0]) is None
        )

    def _unknown(self) -> Iterator[tuple[str, int]]:
        """List contents without a row: those just forgotten, and those that a kill has left."""
        for digest, status in self._files.all_blobs():
            if self._store.known_size(digest) is None:
                yield digest, status.st_size

    def _drop_files(self) -> Iterator[tuple[str, int]]:
        for digest, size in self._unknown():
            if (rest := self._take_name(digest)) is not None:
                rest.unlink()  # outside of the transaction: a large file takes a while
                yield digest, size

    def _take_name(self, digest: str) -> Path | None:
        """Move a file out of the tree unless somebody has put its content in again."""
        rest = self._files.upload(f"gone-{digest.partition(':')[2]}")
        with self._store.database.transaction():
            if self._store.known_size(digest) is not None:
                return None
            self._files.blob(digest).rename(rest)
        return rest
