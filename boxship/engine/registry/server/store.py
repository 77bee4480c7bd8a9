"""The tables of a registry. Used from the event loop's thread (or a program's only one)."""

import json
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from boxship.engine.registry.server.records import ManifestRecord, TagRecord, UploadRecord
from boxship.engine.state.database import Database, Migration, Transaction

MIGRATIONS: Final = (
    Migration(
        "registry-1",
        """
CREATE TABLE repositories (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL, touched REAL NOT NULL)
    WITHOUT ROWID;
CREATE TABLE links (
    repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
    digest TEXT NOT NULL REFERENCES blobs,
    touched REAL NOT NULL,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX links_by_digest ON links (digest);
CREATE TABLE manifests (
    repository INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,
    digest TEXT NOT NULL REFERENCES blobs,
    media_type TEXT NOT NULL,
    artifact_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    annotations TEXT NOT NULL,
    pushed REAL NOT NULL,
    PRIMARY KEY (repository, digest)
) WITHOUT ROWID;
CREATE INDEX manifests_by_digest ON manifests (digest);
CREATE INDEX manifests_by_subject ON manifests (repository, subject, digest) WHERE subject <> '';
CREATE TABLE members (
    repository INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (repository, manifest, digest),
    FOREIGN KEY (repository, manifest) REFERENCES manifests ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX members_by_digest ON members (repository, digest);
CREATE TABLE tags (
    repository INTEGER NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    updated REAL NOT NULL,
    PRIMARY KEY (repository, name),
    FOREIGN KEY (repository, digest) REFERENCES manifests ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX tags_by_digest ON tags (repository, digest);
CREATE TABLE uploads (
    identity TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    touched REAL NOT NULL
) WITHOUT ROWID;
""",
    ),
)

_MANIFEST: Final = """
SELECT m.digest, m.media_type, m.artifact_type, m.subject, m.annotations, b.size
FROM manifests m JOIN blobs b ON b.digest = m.digest JOIN repositories r ON r.id = m.repository
"""
_TAGS: Final = """
SELECT t.name, t.digest, t.updated, m.media_type, b.size, (
    SELECT coalesce(sum(c.size), 0) FROM members e JOIN blobs c ON c.digest = e.digest
    WHERE e.repository = t.repository AND e.manifest = t.digest
) AS content_size
FROM tags t JOIN repositories r ON r.id = t.repository
JOIN manifests m ON m.repository = t.repository AND m.digest = t.digest
JOIN blobs b ON b.digest = t.digest
WHERE r.name = ? AND t.name > ? ORDER BY t.name LIMIT ?
"""


class Store:
    """Repositories, what is in them, and uploads."""

    def __init__(self, root: Path) -> None:
        self.database = Database.open(root / "registry.db", MIGRATIONS)

    # Repositories

    def has_repository(self, name: str) -> bool:
        """Tell whether anything was ever put into the repository."""
        return bool(self._rows("SELECT 1 FROM repositories WHERE name = ?", name))

    def repositories(self, after: str, limit: int) -> list[str]:
        """List the names of repositories with a manifest, in order."""
        rows = self._rows(
            "SELECT name FROM repositories r WHERE name > ? AND EXISTS"
            " (SELECT 1 FROM manifests m WHERE m.repository = r.id) ORDER BY name LIMIT ?",
            after,
            limit,
        )
        return [row["name"] for row in rows]

    def _repository(self, tx: Transaction, name: str) -> int:
        tx.execute("INSERT OR IGNORE INTO repositories (name) VALUES (?)", (name,))
        return int(self._rows("SELECT id FROM repositories WHERE name = ?", name)[0]["id"])

    # Blobs

    def blob_size(self, repository: str, digest: str) -> int | None:
        """Return a blob's size; None when it is not in the repository."""
        rows = self._rows(
            "SELECT b.size FROM links l JOIN repositories r ON r.id = l.repository"
            " JOIN blobs b ON b.digest = l.digest WHERE r.name = ? AND l.digest = ?",
            repository,
            digest,
        )
        return int(rows[0]["size"]) if rows else None

    def known_size(self, digest: str) -> int | None:
        """Return the size of content that is here for whatever repository."""
        rows = self._rows("SELECT size FROM blobs WHERE digest = ?", digest)
        return int(rows[0]["size"]) if rows else None

    def repositories_with(self, digest: str) -> list[str]:
        """List the repositories that have a blob."""
        rows = self._rows(
            "SELECT r.name FROM links l JOIN repositories r ON r.id = l.repository"
            " WHERE l.digest = ? ORDER BY r.name",
            digest,
        )
        return [row["name"] for row in rows]

    def add_blob(self, tx: Transaction, digest: str, size: int) -> None:
        """Note that content is here."""
        tx.execute(
            "INSERT INTO blobs (digest, size, touched) VALUES (?, ?, ?)"
            " ON CONFLICT (digest) DO UPDATE SET touched = excluded.touched",
            (digest, size, time.time()),
        )

    def touch_blob(self, digest: str) -> None:
        """Note that content was used."""
        with self.database.transaction() as tx:
            tx.execute("UPDATE blobs SET touched = ? WHERE digest = ?", (time.time(), digest))

    def forget_content(self, tx: Transaction, digest: str) -> None:
        """Take content out of all repositories, as manifest and as blob, with tags of it."""
        for table in ("manifests", "links", "blobs"):
            tx.execute(f"DELETE FROM {table} WHERE digest = ?", (digest,))

    def link(self, tx: Transaction, repository: str, digest: str) -> None:
        """Put a blob that is here into a repository."""
        tx.execute(
            "INSERT INTO links (repository, digest, touched) VALUES (?, ?, ?)"
            " ON CONFLICT (repository, digest) DO UPDATE SET touched = excluded.touched",
            (self._repository(tx, repository), digest, time.time()),
        )

    def unlink(self, tx: Transaction, repository: str, digest: str) -> bool:
        """Take a blob out of a repository; False if it was not in it."""
        return self._changed(tx, "links", repository, "digest", digest)

    # Manifests

    def manifest(self, repository: str, digest: str) -> ManifestRecord | None:
        """Return a manifest by digest."""
        rows = self._rows(f"{_MANIFEST} WHERE r.name = ? AND m.digest = ?", repository, digest)
        return _manifest(rows[0]) if rows else None

    def add_manifest(self, tx: Transaction, repository: str, manifest: ManifestRecord) -> None:
        """Put a manifest, whose content is here, into a repository."""
        number = self._repository(tx, repository)
        tx.execute(
            "INSERT INTO manifests (repository, digest, media_type, artifact_type, subject,"
            " annotations, pushed) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (repository, digest) DO UPDATE SET media_type = excluded.media_type,"
            " pushed = excluded.pushed",
            (
                number,
                manifest.digest,
                manifest.media_type,
                manifest.artifact_type,
                manifest.subject,
                json.dumps(manifest.annotations),
                time.time(),
            ),
        )
        for member in manifest.members:
            tx.execute(
                "INSERT OR IGNORE INTO members (repository, manifest, digest) VALUES (?, ?, ?)",
                (number, manifest.digest, member),
            )

    def remove_manifest(self, tx: Transaction, repository: str, digest: str) -> bool:
        """Take a manifest and its tags out of a repository; False if it was not in it."""
        return self._changed(tx, "manifests", repository, "digest", digest)

    def referrers(
        self, repository: str, subject: str, artifact_type: str, after: str, limit: int
    ) -> list[ManifestRecord]:
        """List manifests about a subject, by digest; an empty artifact_type means any."""
        rows = self._rows(
            f"{_MANIFEST} WHERE r.name = ? AND m.subject = ? AND m.subject <> '' AND m.digest > ?"
            " AND (? = '' OR m.artifact_type = ?) ORDER BY m.digest LIMIT ?",
            repository,
            subject,
            after,
            artifact_type,
            artifact_type,
            limit,
        )
        return [_manifest(row) for row in rows]

    # Tags

    def tag(self, repository: str, name: str) -> str | None:
        """Return the digest that a tag stands for."""
        rows = self._rows(
            "SELECT t.digest FROM tags t JOIN repositories r ON r.id = t.repository"
            " WHERE r.name = ? AND t.name = ?",
            repository,
            name,
        )
        return str(rows[0]["digest"]) if rows else None

    def set_tag(self, tx: Transaction, repository: str, name: str, digest: str) -> None:
        """Let a tag stand for a manifest of the repository."""
        tx.execute(
            "INSERT INTO tags (repository, name, digest, updated) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (repository, name)"
            " DO UPDATE SET digest = excluded.digest, updated = excluded.updated",
            (self._repository(tx, repository), name, digest, time.time()),
        )

    def remove_tag(self, tx: Transaction, repository: str, name: str) -> bool:
        """Remove a tag; False if there was none."""
        return self._changed(tx, "tags", repository, "name", name)

    def tag_names(self, repository: str, after: str, limit: int) -> list[str]:
        """List tags in the order of their bytes."""
        rows = self._rows(
            "SELECT t.name FROM tags t JOIN repositories r ON r.id = t.repository"
            " WHERE r.name = ? AND t.name > ? ORDER BY t.name LIMIT ?",
            repository,
            after,
            limit,
        )
        return [row["name"] for row in rows]

    def tags(self, repository: str, after: str, limit: int) -> list[TagRecord]:
        """List tags with what they stand for."""
        return [TagRecord(**dict(row)) for row in self._rows(_TAGS, repository, after, limit)]

    # Uploads

    def upload(self, identity: str) -> UploadRecord | None:
        """Return an upload."""
        rows = self._rows("SELECT * FROM uploads WHERE identity = ?", identity)
        return UploadRecord(**dict(rows[0])) if rows else None

    def begin_upload(self, record: UploadRecord) -> None:
        """Note a new upload."""
        with self.database.transaction() as tx:
            tx.execute(
                "INSERT INTO uploads (identity, repository, algorithm, touched)"
                " VALUES (?, ?, ?, ?)",
                (record.identity, record.repository, record.algorithm, record.touched),
            )

    def touch_upload(self, identity: str) -> None:
        """Note that an upload goes on."""
        with self.database.transaction() as tx:
            tx.execute("UPDATE uploads SET touched = ? WHERE identity = ?", (time.time(), identity))

    def end_upload(self, tx: Transaction, identity: str) -> None:
        """Forget an upload."""
        tx.execute("DELETE FROM uploads WHERE identity = ?", (identity,))

    # Inside

    def _rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        return self.database.query(sql, parameters)

    def _changed(
        self, tx: Transaction, table: str, repository: str, column: str, value: str
    ) -> bool:
        done = tx.execute(
            f"DELETE FROM {table} WHERE {column} = ? AND repository ="
            " (SELECT id FROM repositories WHERE name = ?)",
            (value, repository),
        )
        return done.rowcount > 0


def existing(store: Store, repository: str, digests: Iterable[str]) -> set[str]:
    """Return those of the digests that are in the repository, as blob or as manifest."""
    return {
        digest
        for digest in digests
        if store.blob_size(repository, digest) is not None or store.manifest(repository, digest)
    }


def _manifest(row: sqlite3.Row) -> ManifestRecord:
    return ManifestRecord(
        row["digest"],
        row["media_type"],
        row["size"],
        row["artifact_type"],
        row["subject"],
        json.loads(row["annotations"]),
    )
