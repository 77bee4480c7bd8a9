"""A cache that stays within bounds: what was not used for long goes, its home still has it.

It may go in any order: what is missing is fetched again when somebody asks. Rows go in small
batches, each a transaction of its own, so that pulls never wait long; then the file.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Final

from boxship.engine.registry.server.config import ServerConfig
from boxship.engine.registry.server.files import Files
from boxship.engine.registry.server.store import Store

BATCH: Final = 100
YOUNG_S: Final = 60.0
"""What came in or was used a moment ago is in the middle of somebody's pull."""
_BY_AGE: Final = "SELECT digest, size, touched FROM blobs ORDER BY touched, digest"

Evicted = tuple[tuple[str, int], ...]


def evict(config: ServerConfig, *, max_size: int = 0, ttl_s: float = 0.0) -> Evicted:
    """Remove what was not used for ``ttl_s``, then the longest unused down to ``max_size`` bytes.

    0: without such a bound. Returns digests and sizes. [blocking]
    """
    store = Store(config.root)
    try:
        going = _choose(store, max_size, ttl_s)
        return tuple(_remove(store, Files(config.root), going))
    finally:
        store.database.close()


def _choose(store: Store, max_size: int, ttl_s: float) -> list[tuple[str, int]]:
    now = time.time()
    rows = store.database.query(_BY_AGE)
    excess = sum(row["size"] for row in rows) - max_size if max_size else 0
    going = []
    for row in rows:
        is_old = bool(ttl_s) and row["touched"] <= now - ttl_s
        if row["touched"] > now - YOUNG_S or not (is_old or excess > 0):
            break
        going.append((row["digest"], row["size"]))
        excess -= row["size"]
    return going


def _remove(
    store: Store, files: Files, going: Sequence[tuple[str, int]]
) -> Iterator[tuple[str, int]]:
    for start in range(0, len(going), BATCH):
        batch = going[start : start + BATCH]
        rests = []
        with store.database.transaction() as tx:
            for digest, _ in batch:
                store.forget_content(tx, digest)
                rest = files.upload(f"gone-{digest.partition(':')[2]}")
                try:
                    files.blob(digest).rename(rest)
                except FileNotFoundError:
                    continue
                rests.append(rest)
        for rest in rests:
            rest.unlink()  # outside of the transaction: a large file takes a while
        yield from batch
