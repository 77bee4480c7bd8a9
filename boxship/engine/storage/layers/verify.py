"""Checking a stream's digest while it passes."""

import hashlib
from collections.abc import Iterable, Iterator

from boxship.engine.storage.errors import CorruptContentError


def verified(chunks: Iterable[bytes], digest: str) -> Iterator[bytes]:
    """Yield ``chunks``; CorruptContentError at their end unless their SHA-256 is ``digest``."""
    state = hashlib.sha256()
    for chunk in chunks:
        state.update(chunk)
        yield chunk
    actual = f"sha256:{state.hexdigest()}"
    if actual != digest:
        raise CorruptContentError(
            f"the stored layer has digest {actual} instead of {digest}: its files were changed on "
            "the disk; pull or load its image again"
        )
