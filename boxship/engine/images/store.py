"""The tables of images, their layers and their names."""

from collections.abc import Iterable
from typing import NamedTuple

from boxship.engine.images.image import LayerBlob
from boxship.engine.state.database import Database, Migration, Transaction

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


class ImageStore:
    """SQL for images. Writes take the transaction that they belong to."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
        return tuple(
            LayerBlob(
                diff_id=row["diff_id"],
                chain_id=row["chain_id"],
                digest=row["blob"],
                media_type=row["media_type"],
                size=row["blob_size"],
            )
            for row in rows
        )

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

    def set_tag(self, tx: Transaction, name: str, tag: str, image_id: str, now_ns: int) -> None:
        """Let ``name:tag`` lead to an image, wherever it led before."""
        tx.execute("INSERT OR REPLACE INTO image_tags VALUES (?, ?, ?)", (name, tag, image_id))
        tx.execute("UPDATE images SET tagged_at_ns = ? WHERE id = ?", (now_ns, image_id))

    def set_digest(self, tx: Transaction, name: str, digest: str, image_id: str) -> None:
        """Let ``name@digest`` lead to an image."""
        tx.execute(
            "INSERT OR REPLACE INTO image_digests VALUES (?, ?, ?)", (name, digest, image_id)
        )

    def remove_name(self, tx: Transaction, row: NameRow) -> None:
        """Remove one name."""
        if row.digest:
            tx.execute(
                "DELETE FROM image_digests WHERE name = ? AND digest = ?", (row.name, row.digest)
            )
        else:
            tx.execute("DELETE FROM image_tags WHERE name = ? AND tag = ?", (row.name, row.tag))

    def by_tag(self, name: str, tag: str) -> str | None:
        """Return the image that ``name:tag`` leads to."""
        rows = self._database.query(
            "SELECT image_id FROM image_tags WHERE name = ? AND tag = ?", (name, tag)
        )
        return str(rows[0]["image_id"]) if rows else None

    def by_digest(self, name: str, digest: str) -> str | None:
        """Return the image that ``name@digest`` leads to."""
        rows = self._database.query(
            "SELECT image_id FROM image_digests WHERE name = ? AND digest = ?", (name, digest)
        )
        return str(rows[0]["image_id"]) if rows else None

    def names(self, image_id: str) -> list[NameRow]:
        """Return all names of an image: tags first, each kind in order."""
        rows = self._database.query(
            "SELECT name, tag, '' AS digest FROM image_tags WHERE image_id = :id "
            "UNION ALL SELECT name, '', digest FROM image_digests WHERE image_id = :id "
            "ORDER BY digest, name, tag",
            {"id": image_id},
        )
        return [NameRow(*row) for row in rows]

    def tags_of(self, name: str) -> list[str]:
        """Return all tags of a repository."""
        rows = self._database.query(
            "SELECT tag FROM image_tags WHERE name = ? ORDER BY tag", (name,)
        )
        return [row["tag"] for row in rows]

    def digests_in_use(self) -> set[str]:
        """Return the digests of all content that an image needs, but for indexes' members."""
        rows = self._database.query(
            "SELECT id AS digest FROM images UNION SELECT manifest_digest FROM images "
            "UNION SELECT blob FROM image_layers UNION SELECT digest FROM image_digests"
        )
        return {row["digest"] for row in rows}

    def chains_in_use(self) -> set[str]:
        """Return the chain ids of all images' layers."""
        rows = self._database.query("SELECT DISTINCT chain_id FROM image_layers")
        return {row["chain_id"] for row in rows}
