"""The tables of volumes and of the containers that use them."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from boxship.engine.state.database import Database, Migration, Transaction
from boxship.engine.volumes.volume import NOWHERE, Volume

MIGRATIONS = (
    Migration(
        "volumes-1",
        """
        CREATE TABLE volumes (name TEXT PRIMARY KEY, document BLOB NOT NULL);
        CREATE TABLE volume_users (
            volume TEXT NOT NULL REFERENCES volumes (name),
            container TEXT NOT NULL,
            PRIMARY KEY (volume, container)
        );
        CREATE INDEX volume_users_container ON volume_users (container);
        """,
    ),
    Migration(
        "volumes-2",
        "ALTER TABLE volume_users ADD COLUMN mounted INTEGER NOT NULL DEFAULT 0;",
    ),
)


class _Document(msgspec.Struct):
    """A volume without what its place on the disk already says."""

    driver: str
    created_at_ns: int
    labels: dict[str, str]
    options: dict[str, str]
    scope: str = "local"


_decoder = msgspec.json.Decoder(_Document)


class VolumeStore:
    """Reads and writes the rows. For the event loop's thread, like the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, mountpoint: Callable[[str], Path]) -> list[Volume]:
        """Return all volumes; ``mountpoint`` tells where a local one of that name lies."""
        return [
            _volume(row["name"], row["document"], mountpoint)
            for row in self._database.query("SELECT name, document FROM volumes")
        ]

    def insert(self, tx: Transaction, volume: Volume) -> None:
        """Add a volume."""
        document = _Document(
            volume.driver,
            volume.created_at_ns,
            dict(volume.labels),
            dict(volume.options),
            volume.scope,
        )
        tx.execute(
            "INSERT INTO volumes (name, document) VALUES (?, ?)",
            (volume.name, msgspec.json.encode(document)),
        )

    def delete(self, tx: Transaction, name: str) -> None:
        """Remove a volume and what is left of its references."""
        tx.execute("DELETE FROM volume_users WHERE volume = ?", (name,))
        tx.execute("DELETE FROM volumes WHERE name = ?", (name,))

    def add_user(self, tx: Transaction, name: str, container_id: str) -> None:
        """Note that a container uses a volume; harmless if it is noted."""
        tx.execute(
            "INSERT OR IGNORE INTO volume_users (volume, container) VALUES (?, ?)",
            (name, container_id),
        )

    def remove_user(self, tx: Transaction, container_id: str) -> list[str]:
        """Forget a container; return the volumes it used."""
        cursor = tx.execute(
            "DELETE FROM volume_users WHERE container = ? RETURNING volume", (container_id,)
        )
        return [row["volume"] for row in cursor.fetchall()]

    def add_mount(self, tx: Transaction, name: str, container_id: str) -> None:
        """Count one more place at which a container mounts a volume."""
        tx.execute(
            "UPDATE volume_users SET mounted = mounted + 1 WHERE volume = ? AND container = ?",
            (name, container_id),
        )

    def mounts(self, container_id: str) -> dict[str, int]:
        """Return the volumes that a container uses, and at how many places they are mounted."""
        rows = self._database.query(
            "SELECT volume, mounted FROM volume_users WHERE container = ?", (container_id,)
        )
        return {row["volume"]: row["mounted"] for row in rows}

    def clear_mounts(self, tx: Transaction, container_id: str) -> None:
        """Forget what a container has mounted; it goes on using the volumes."""
        tx.execute("UPDATE volume_users SET mounted = 0 WHERE container = ?", (container_id,))

    def users(self, name: str) -> list[str]:
        """Return the ids of the containers that use a volume."""
        rows = self._database.query(
            "SELECT container FROM volume_users WHERE volume = ? ORDER BY rowid", (name,)
        )
        return [row["container"] for row in rows]

    def used(self) -> set[str]:
        """Return the names of all volumes in use."""
        rows = self._database.query("SELECT DISTINCT volume FROM volume_users")
        return {row["volume"] for row in rows}

    def all_users(self) -> set[str]:
        """Return the ids of all containers that use volumes."""
        rows = self._database.query("SELECT DISTINCT container FROM volume_users")
        return {row["container"] for row in rows}


def _volume(name: str, text: bytes, mountpoint: Callable[[str], Path]) -> Volume:
    document = _decoder.decode(text)
    return Volume(
        name=name,
        driver=document.driver,
        mountpoint=mountpoint(name) if document.driver == "local" else NOWHERE,
        created_at_ns=document.created_at_ns,
        labels=document.labels,
        options=document.options,
        scope=document.scope,
    )
