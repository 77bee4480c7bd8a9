"""What an interrupted pull brought in, remembered over the death of the engine.

A lease in memory protects an operation's content while it runs. Those of pulls are written down
too, so that the next engine keeps what is whole for the next try, as it keeps what is half.
"""

import time
from collections.abc import Iterable

from boxship.engine.state.database import Database, Migration

LIFETIME_S = 24 * 3600
"""How long content of a pull that nobody repeats is kept (containerd's default for leases)."""

MIGRATIONS = (
    Migration(
        "images-leases-1",
        """
        CREATE TABLE image_leases (
            key TEXT PRIMARY KEY,
            lease TEXT NOT NULL,
            until_ns INTEGER NOT NULL
        );
        CREATE INDEX image_leases_lease ON image_leases (lease);
        """,
    ),
)


class LeaseStore:
    """Digests and chain ids by lease; the last lease that holds a key has it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hold(self, lease: str, keys: Iterable[str]) -> None:
        """Write down that a lease protects these."""
        until_ns = time.time_ns() + LIFETIME_S * 1_000_000_000
        with self._database.transaction() as tx:
            for key in keys:
                tx.execute(
                    "INSERT OR REPLACE INTO image_leases VALUES (?, ?, ?)", (key, lease, until_ns)
                )

    def end(self, lease: str) -> None:
        """Forget a lease: its operation has ended."""
        with self._database.transaction() as tx:
            tx.execute("DELETE FROM image_leases WHERE lease = ?", (lease,))

    def held(self) -> set[str]:
        """Return the keys that any lease protects."""
        return {row["key"] for row in self._database.query("SELECT key FROM image_leases")}

    def expire(self) -> None:
        """Forget leases whose time is over: interrupted pulls that nobody repeated."""
        with self._database.transaction() as tx:
            tx.execute("DELETE FROM image_leases WHERE until_ns < ?", (time.time_ns(),))

    def held_by_others(self, living: Iterable[str]) -> set[str]:
        """Return the keys that no living lease protects, but one of an interrupted pull."""
        kept = set(living)
        rows = self._database.query("SELECT key, lease FROM image_leases")
        return {row["key"] for row in rows if row["lease"] not in kept}

    def abandon(self, living: Iterable[str]) -> set[str]:
        """Forget all leases but the living ones; return what they protected."""
        kept = set(living)
        keys = self.held_by_others(kept)
        rows = self._database.query("SELECT DISTINCT lease FROM image_leases")
        for lease in {row["lease"] for row in rows} - kept:
            self.end(lease)
        return keys
