"""Something that happened to an object."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, in Docker's terms (GET /events)."""

    type: str
    """``container``, ``image``, ``network``, ``volume``, ``daemon`` …"""
    action: str
    """``start``, ``die``, ``exec_create: sh`` …"""
    actor_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    time_ns: int
    scope: str = "local"
