"""What a registry is told when it is opened."""

from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """The settings of one registry."""

    root: Path
    """Everything it keeps: ``registry.db``, ``blobs/``, ``uploads/``."""
    read_only: bool = False
    allow_sparse: bool = False
    """Take manifests that name content which is not here."""
    max_manifest_size: int = 4 * MIB
    max_blob_size: int = 0
    """Bytes of a blob; 0: no limit."""
    min_chunk: int = 0
    """Bytes that clients are asked to send in each piece of an upload; 0: as they like."""
    max_uploads: int = 64
    """Uploads whose bytes may arrive at the same time; more are asked to wait."""
    stall_s: float = 300.0
    """A client that sends nothing of an upload for so long has gone."""
    upload_lifetime_s: float = 7 * 24 * 3600.0
    """An upload that nobody went on with for so long is dropped."""
    grace_s: float = 3600.0
    """Content that is younger than this is not collected: the manifest may be on its way."""
