"""The tables of images, their layers and their names."""

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from boxship.engine.images import indexes, leases
from boxship.engine.images.image import LayerBlob
from boxship.engine.images.indexes import IndexStore
from boxship.engine.images.leases import LeaseStore
from boxship.engine.state.database import Database, Migration, Transaction
from boxship.oci.media_types import DOCKER_LAYER, OCI_LAYER

MIGRATIONS = (
    Migration(
        "images-1",
        """
        CREATE TABLE images (
            id TEXT PRIMARY KEY,
            manifest_digest TEXT NOT NULL,
            manifest_media_type TEXT NOT NULL,
            created_at_ns INTEGER NOT NULL,
            size INTEGER NOT NULL,
            parent TEXT NOT NULL,
            tagged_at_ns INTEGER NOT NULL
        );
        CREATE TABLE image_layers (
            image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            diff_id TEXT NOT NULL,
            chain_id TEXT NOT NULL,
            blob TEXT NOT NULL,
            media_type TEXT NOT NULL,
            blob_size INTEGER NOT NULL,
            PRIMARY KEY (image_id, position)
        );
        CREATE INDEX image_layers_chain ON image_layers (chain_id);
        CREATE INDEX image_layers_blob ON image_layers (blob);
        CREATE TABLE image_tags (
            name TEXT NOT NULL,
            tag TEXT NOT NULL,
            image_id TEXT NOT NULL REFERENCES images (id),
            PRIMARY KEY (name, tag)
        );
        CREATE INDEX image_tags_image ON image_tags (image_id);
        CREATE TABLE image_digests (
            name TEXT NOT NULL,
            digest TEXT NOT NULL,
            image_id TEXT NOT NULL REFERENCES images (id),
            PRIMARY KEY (name, digest)
        );
        CREATE INDEX image_digests_image ON image_digests (image_id);
        """,
    ),
    Migration(
        "image-mounts-1",
        """
        CREATE TABLE image_mounts (
            id TEXT PRIMARY KEY,
            image_id TEXT NOT NULL,
            target TEXT NOT NULL UNIQUE,
            made_target INTEGER NOT NULL,
            created_at_ns INTEGER NOT NULL
        );
        """,
    ),
    Migration(
        "blob-sources-1",
        """
        CREATE TABLE blob_sources (
            digest TEXT NOT NULL,
            name TEXT NOT NULL,
            PRIMARY KEY (digest, name)
        );
        """,
    ),
    *indexes.MIGRATIONS,
    *leases.MIGRATIONS,
)


class ImageRow(NamedTuple):
    """An image as it is stored; the configuration is in the content store under its id."""

    id: str
    manifest_digest: str
    manifest_media_type: str
    created_at_ns: int
    size: int
    parent: str
    tagged_at_ns: int


class NameRow(NamedTuple):
    """A name of an image: ``name`` is canonical, exactly one of tag and digest is set."""

    name: str
    tag: str
    digest: str
    target: str = ""
    """Digest of the index that the tag leads to; empty: it leads to one image alone."""

    @property
    def index_digest(self) -> str:
        """The digest of the index that the name may lead to, empty for none."""
        return self.digest or self.target


class Named(NamedTuple):
    """What a name leads to."""

    image_id: str
    target: str
    """Digest of an index; empty: the image alone."""


class ImageStore:
    """SQL for images. Writes take the transaction that they belong to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.indexes = IndexStore(database)
        self.leases = LeaseStore(database)

    def insert(self, tx: Transaction, row: ImageRow, layers: Iterable[LayerBlob]) -> None:
        """Add an image, or renew what is known of it."""
        tx.execute(
            "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
            "manifest_digest = excluded.manifest_digest, "
            "manifest_media_type = excluded.manifest_media_type, size = excluded.size",
            row,
        )
        tx.execute("DELETE FROM image_layers WHERE image_id = ?", (row.id,))
        for position, layer in enumerate(layers):
            tx.execute(
                "INSERT INTO image_layers VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    row.id,
                    position,
                    layer.diff_id,
                    layer.chain_id,
                    layer.digest,
                    layer.media_type,
                    layer.size,
                ),
            )

    def delete(self, tx: Transaction, image_id: str) -> None:
        """Remove an image and its names."""
        tx.execute("DELETE FROM image_tags WHERE image_id = ?", (image_id,))
        tx.execute("DELETE FROM image_digests WHERE image_id = ?", (image_id,))
        tx.execute("DELETE FROM images WHERE id = ?", (image_id,))
        tx.execute(
            "DELETE FROM blob_sources WHERE digest NOT IN (SELECT blob FROM image_layers)", ()
        )

    def row(self, image_id: str) -> ImageRow | None:
        """Return an image's row."""
        rows = self._database.query("SELECT * FROM images WHERE id = ?", (image_id,))
        return ImageRow(*rows[0]) if rows else None

    def layers(self, image_id: str) -> tuple[LayerBlob, ...]:
        """Return an image's layers, lowest first."""
        rows = self._database.query(
            "SELECT diff_id, chain_id, blob, media_type, blob_size FROM image_layers "
            "WHERE image_id = ? ORDER BY position",
            (image_id,),
        )
        return tuple(_layer(row) for row in rows)

    def ids(self) -> list[str]:
        """Return the ids of all images, newest first."""
        rows = self._database.query("SELECT id FROM images ORDER BY created_at_ns DESC, id")
        return [row["id"] for row in rows]

    def ids_with_prefix(self, prefix: str) -> list[str]:
        """Return the images whose id begins with hex digits; at most two are looked up."""
        rows = self._database.query(
            "SELECT id FROM images WHERE id >= ? AND id < ? LIMIT 2",
            (f"sha256:{prefix}", f"sha256:{prefix}g"),
        )
        return [row["id"] for row in rows]

    def children(self, image_id: str) -> list[str]:
        """Return the images that were made from an image."""
        rows = self._database.query("SELECT id FROM images WHERE parent = ?", (image_id,))
        return [row["id"] for row in rows]

    def parents(self) -> set[str]:
        """Return the ids of all images from which another one was made."""
        return {row["parent"] for row in self._database.query("SELECT parent FROM images")}

    def ids_of_manifests(self, prefix: str) -> list[Named]:
        """Return images by the beginning (``sha256:…``) of a manifest's or an index's digest.

        At most two are looked up.
        """
        rows = self._database.query(
            "SELECT image_id, index_digest FROM image_variants "
            "WHERE index_digest >= :low AND index_digest < :high GROUP BY index_digest "
            "UNION SELECT id, '' FROM images "
            "WHERE manifest_digest >= :low AND manifest_digest < :high LIMIT 2",
            {"low": prefix, "high": f"{prefix}g"},
        )
        return [Named(*row) for row in rows]

    def set_tag(self, tx: Transaction, row: NameRow, image_id: str, now_ns: int) -> None:
        """Let a tag lead to an image and an index, wherever it led before."""
        tx.execute(
            "INSERT OR REPLACE INTO image_tags VALUES (?, ?, ?, ?)",
            (row.name, row.tag, image_id, row.target),
        )
        tx.execute("UPDATE images SET tagged_at_ns = ? WHERE id = ?", (now_ns, image_id))

    def set_digest(self, tx: Transaction, name: str, digest: str, image_id: str) -> None:
        """Let ``name@digest`` lead to an image, whose layers that repository has then."""
        tx.execute(
            "INSERT OR REPLACE INTO image_digests VALUES (?, ?, ?)", (name, digest, image_id)
        )
        tx.execute(
            "INSERT OR IGNORE INTO blob_sources SELECT blob, ? FROM image_layers "
            "WHERE image_id = ?",
            (name, image_id),
        )

    def remove_name(self, tx: Transaction, row: NameRow) -> None:
        """Remove one name."""
        if row.digest:
            tx.execute(
                "DELETE FROM image_digests WHERE name = ? AND digest = ?", (row.name, row.digest)
            )
        else:
            tx.execute("DELETE FROM image_tags WHERE name = ? AND tag = ?", (row.name, row.tag))

    def named(self, name: str, tag: str) -> Named | None:
        """Return what ``name:tag`` leads to."""
        rows = self._database.query(
            "SELECT image_id, target FROM image_tags WHERE name = ? AND tag = ?", (name, tag)
        )
        return Named(*rows[0]) if rows else None

    def by_tag(self, name: str, tag: str) -> str | None:
        """Return the image that ``name:tag`` shows."""
        found = self.named(name, tag)
        return found.image_id if found else None

    def by_digest(self, name: str, digest: str) -> str | None:
        """Return the image that ``name@digest`` shows."""
        rows = self._database.query(
            "SELECT image_id FROM image_digests WHERE name = ? AND digest = ?", (name, digest)
        )
        return str(rows[0]["image_id"]) if rows else None

    def names(self, image_id: str) -> list[NameRow]:
        """Return all names that lead to an image, also through an index that lists it.

        Tags first, each kind in order.
        """
        rows = self._database.query(
            "WITH lists AS (SELECT index_digest FROM image_variants WHERE image_id = :id) "
            "SELECT name, tag, '' AS digest, target FROM image_tags "
            "WHERE image_id = :id OR target IN lists "
            "UNION ALL SELECT name, '', digest, '' FROM image_digests "
            "WHERE image_id = :id OR digest IN lists "
            "ORDER BY digest, name, tag",
            {"id": image_id},
        )
        return [NameRow(*row) for row in rows]

    def shown(self) -> set[str]:
        """Return the ids of all images that a name shows."""
        rows = self._database.query(
            "SELECT image_id FROM image_tags UNION SELECT image_id FROM image_digests"
        )
        return {row["image_id"] for row in rows}

    def tags_of(self, name: str) -> list[str]:
        """Return all tags of a repository."""
        rows = self._database.query(
            "SELECT tag FROM image_tags WHERE name = ? ORDER BY tag", (name,)
        )
        return [row["tag"] for row in rows]

    def sources(self, domain: str, blobs: Iterable[str]) -> list[str]:
        """Return the paths of a registry's repositories that had any of these blobs, best first.

        Best is the one that had most of them.
        """
        wanted = list(blobs)
        marks = ", ".join("?" for _ in wanted)
        rows = self._database.query(
            f"SELECT substr(name, ?) AS path FROM blob_sources WHERE digest IN ({marks}) "
            "AND substr(name, 1, ?) = ? GROUP BY name ORDER BY count(*) DESC, name",
            (len(domain) + 2, *wanted, len(domain) + 1, f"{domain}/"),
        )
        return [row["path"] for row in rows]

    def compressed_layer(self, diff_id: str) -> LayerBlob | None:
        """Return a layer of some image with these files whose archive is compressed."""
        rows = self._database.query(
            "SELECT * FROM image_layers WHERE diff_id = ? AND media_type NOT IN (?, ?) LIMIT 1",
            (diff_id, OCI_LAYER, DOCKER_LAYER),
        )
        return _layer(rows[0]) if rows else None

    def digests_in_use(self) -> set[str]:
        """Return the digests of all content that images and indexes need."""
        rows = self._database.query(
            "SELECT id AS digest FROM images UNION SELECT manifest_digest FROM images "
            "UNION SELECT blob FROM image_layers UNION SELECT digest FROM image_digests"
        )
        return {row["digest"] for row in rows} | self.indexes.digests_in_use()

    def chains_in_use(self) -> set[str]:
        """Return the chain ids of all images' layers."""
        rows = self._database.query("SELECT DISTINCT chain_id FROM image_layers")
        return {row["chain_id"] for row in rows}


def _layer(row: sqlite3.Row) -> LayerBlob:
    return LayerBlob(
        diff_id=row["diff_id"],
        chain_id=row["chain_id"],
        digest=row["blob"],
        media_type=row["media_type"],
        size=row["blob_size"],
    )
