"""A volume: files that outlive containers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ANONYMOUS_LABEL = "com.docker.volume.anonymous"
"""Docker marks volumes that were made without a name by it; ``volume prune`` goes by it."""

LOCAL = "local"
"""The driver that is no plugin."""
NOWHERE = Path()
"""Where a plugin's volume is while the plugin has not said it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What is known of a volume. Immutable once created."""

    name: str
    driver: str = LOCAL
    mountpoint: Path
    """Where its files are seen on the host; NOWHERE for those of plugins."""
    created_at_ns: int
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    """As given with ``--opt``: ``type``, ``o`` and ``device`` for the local driver."""
    scope: str = "local"

    @property
    def is_local(self) -> bool:
        """Whether its files are the engine's own, and no plugin's."""
        return self.driver == LOCAL

    @property
    def anonymous(self) -> bool:
        """Whether it was made without a name."""
        return ANONYMOUS_LABEL in self.labels
