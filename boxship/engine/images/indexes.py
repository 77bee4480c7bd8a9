"""The tables of indexes: which images here are variants of which index, and what else it holds."""

from typing import NamedTuple

from boxship.engine.state.database import Database, Migration, Transaction

MIGRATIONS = (
    Migration(
        "images-2-indexes",
        """
        ALTER TABLE image_tags ADD COLUMN target TEXT NOT NULL DEFAULT '';
        CREATE INDEX image_tags_target ON image_tags (target);
        CREATE TABLE image_variants (
            index_digest TEXT NOT NULL,
            image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
            manifest_digest TEXT NOT NULL,
            PRIMARY KEY (index_digest, image_id)
        );
        CREATE INDEX image_variants_image ON image_variants (image_id);
        CREATE TABLE image_parts (
            index_digest TEXT NOT NULL,
            digest TEXT NOT NULL,
            PRIMARY KEY (index_digest, digest)
        );
        """,
    ),
)


class Variant(NamedTuple):
    """An image that is here and that an index lists."""

    index_digest: str
    """Digest of the index."""
    image_id: str
    manifest_digest: str
    """The entry by which the index lists it."""


class IndexStore:
    """SQL for indexes. Writes take the transaction that they belong to.

    A name's ``target`` is the digest of the index that it leads to; the image that it shows is the
    best variant of it for this host.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, tx: Transaction, variant: Variant) -> None:
        """Let an image be a variant of an index; it becomes the newest one."""
        tx.execute("INSERT OR REPLACE INTO image_variants VALUES (?, ?, ?)", variant)

    def add_part(self, tx: Transaction, index: str, digest: str) -> None:
        """Keep more content with an index: attestations, nested indexes, their blobs."""
        tx.execute("INSERT OR IGNORE INTO image_parts VALUES (?, ?)", (index, digest))

    def variants(self, index: str) -> list[Variant]:
        """Return the variants of an index that are here, newest first."""
        rows = self._database.query(
            "SELECT * FROM image_variants WHERE index_digest = ? ORDER BY rowid DESC", (index,)
        )
        return [Variant(*row) for row in rows]

    def of_image(self, image_id: str) -> list[str]:
        """Return the digests of all indexes of which an image is a variant."""
        rows = self._database.query(
            "SELECT index_digest FROM image_variants WHERE image_id = ? ORDER BY rowid",
            (image_id,),
        )
        return [row["index_digest"] for row in rows]

    def parts(self, index: str) -> list[str]:
        """Return the further content that is kept with an index."""
        rows = self._database.query(
            "SELECT digest FROM image_parts WHERE index_digest = ?", (index,)
        )
        return [row["digest"] for row in rows]

    def show(self, tx: Transaction, index: str, image_id: str) -> None:
        """Let all names of an index show this variant."""
        tx.execute("UPDATE image_tags SET image_id = ? WHERE target = ?", (image_id, index))
        tx.execute("UPDATE image_digests SET image_id = ? WHERE digest = ?", (image_id, index))

    def is_named(self, index: str) -> bool:
        """Tell whether a name leads to an index."""
        return bool(
            self._database.query(
                "SELECT 1 FROM image_tags WHERE target = :index "
                "UNION SELECT 1 FROM image_digests WHERE digest = :index",
                {"index": index},
            )
        )

    def drop(self, tx: Transaction, index: str) -> None:
        """Forget an index; its variants stay as images of their own."""
        tx.execute("DELETE FROM image_variants WHERE index_digest = ?", (index,))
        tx.execute("DELETE FROM image_parts WHERE index_digest = ?", (index,))

    def digests_in_use(self) -> set[str]:
        """Return the digests of all indexes, of their entries here, and of what goes with them."""
        rows = self._database.query(
            "SELECT index_digest AS digest FROM image_variants "
            "UNION SELECT manifest_digest FROM image_variants "
            "UNION SELECT digest FROM image_parts UNION SELECT target FROM image_tags"
        )
        return {row["digest"] for row in rows} - {""}
