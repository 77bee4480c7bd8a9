"""How much a layer may hold: archives come from strangers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerLimits:
    """Where unpacking stops with LayerLimitError."""

    max_entries: int = 1_000_000
    max_bytes: int = 256 * 1024**3
    """Bytes of data that may be written; holes in sparse files are free."""
