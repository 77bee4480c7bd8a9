"""Events as Docker's JSON, in the form and framing that the client asks for."""

from collections.abc import Iterable
from typing import Final

from msgspec import UNSET

from boxship.api.schema.system import Actor, EventMessage
from boxship.api.versions import ApiVersion
from boxship.engine.events.event import Event
from boxship.units import SECOND

JSON: Final = "application/json"
JSON_LINES: Final = ("application/x-ndjson", "application/jsonl")
JSON_SEQUENCE: Final = "application/json-seq"
"""RFC 7464: each text begins with a record separator."""

_RECORD_SEPARATOR: Final = b"\x1e"


def event_json(event: Event, version: ApiVersion) -> EventMessage:
    """Write one event; clients before 1.52 also get the fields of long ago."""
    message = EventMessage(
        type=event.type,
        action=event.action,
        actor=Actor(id=event.actor_id, attributes=dict(event.attributes)),
        scope=event.scope,
        time=event.time_ns // SECOND,
        time_nano=event.time_ns,
    )
    if version < (1, 52) and event.type in {"container", "image"}:
        message.status, message.id = event.action, event.actor_id
        message.source = event.attributes.get("image", "") if event.type == "container" else UNSET
    return message


def is_told(event: Event, version: ApiVersion) -> bool:
    """Whether clients of this version know the event."""
    return version >= (1, 46) or (event.type, event.action) != ("image", "create")


def event_media_type(accept: str, version: ApiVersion) -> str:
    """Choose how events are framed: what the client likes best of what we speak."""
    offers = [JSON_LINES[0], JSON_SEQUENCE]
    if version >= (1, 53):
        offers.append(JSON_LINES[1])
    ranked = sorted(_accepted(accept), key=lambda item: -item[1])
    return next((media for media, quality in ranked if quality > 0 and media in offers), JSON)


def _accepted(accept: str) -> Iterable[tuple[str, float]]:
    for entry in accept.split(","):
        media, *parameters = (part.strip().lower() for part in entry.split(";"))
        quality = next((item[2:] for item in parameters if item.startswith("q=")), "1")
        try:
            yield media, float(quality)
        except ValueError:
            yield media, 0.0


def event_prefix(media_type: str) -> bytes:
    """Return what goes before each event."""
    return _RECORD_SEPARATOR if media_type == JSON_SEQUENCE else b""
