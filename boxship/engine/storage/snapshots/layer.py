"""A layer as it lies on the disk, and a difference between two trees."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import msgspec


class LayerRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of an unpacked layer (``layer.json`` beside its tree)."""

    chain_id: str
    """Names the layer together with all below it (OCI image spec, Layer ChainID)."""
    diff_id: str
    """Digest of the uncompressed archive."""
    parent: str = ""
    """Chain id of the layer below; empty for a base."""
    size: int = 0
    """Bytes in the files of this layer alone."""
    entries: int = 0
    """Members of the archive."""
    blob: str = ""
    """Digest in the content store of the archive as it came, where it is kept."""


class ChangeKind(StrEnum):
    """Docker's letters for a change."""

    ADDED = "A"
    MODIFIED = "C"
    DELETED = "D"


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs from the image."""

    kind: ChangeKind
    path: str
    """Absolute, inside the container. Bytes that are no UTF-8 are surrogate escapes."""


def chain_id(parent: str | None, diff_id: str) -> str:
    """Return the chain id of a layer with ``diff_id`` on top of ``parent``."""
    if not parent:
        return diff_id
    return "sha256:" + hashlib.sha256(f"{parent} {diff_id}".encode()).hexdigest()
