"""Digests of streams while they pass."""

import hashlib
import queue
import threading
from collections.abc import Iterable, Iterator

from boxship.engine.storage.errors import CorruptContentError


def verified(chunks: Iterable[bytes], digest: str) -> Iterator[bytes]:
    """Yield ``chunks``; CorruptContentError at their end unless their SHA-256 is ``digest``."""
    with Digester() as digester:
        for chunk in chunks:
            digester.update(chunk)
            yield chunk
    if digester.digest != digest:
        raise CorruptContentError(
            f"the stored layer has digest {digester.digest} instead of {digest}: its files were "
            "changed on the disk; pull or load its image again"
        )


class Digester:
    """Hashes chunks in a thread of its own, so that who makes them need not wait.

    A context manager: its digest is whole once it is left. At most ``_AHEAD`` chunks wait.
    """

    _AHEAD = 4

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._queue: queue.Queue[bytes | None] = queue.Queue(self._AHEAD)
        self._thread = threading.Thread(target=self._run, name="digest", daemon=True)
        self.size = 0
        """Bytes so far."""

    @property
    def digest(self) -> str:
        """The digest of all chunks."""
        return f"sha256:{self._hash.hexdigest()}"

    def update(self, chunk: bytes) -> None:
        """Take one more chunk."""
        self.size += len(chunk)
        self._queue.put(chunk)

    def __enter__(self) -> "Digester":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (chunk := self._queue.get()) is not None:
            self._hash.update(chunk)
