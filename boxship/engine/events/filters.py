"""Which events a listener wants to see (Docker's filters of GET /events)."""

from collections.abc import Mapping

from boxship.engine.events.event import Event
from boxship.errors import InvalidParameterError

Filters = Mapping[str, tuple[str, ...]]

_OBJECT_TYPES = frozenset(
    {"container", "image", "volume", "network", "daemon", "plugin", "service", "node", "secret"}
    | {"config"}
)
_KEYS = _OBJECT_TYPES | {"event", "label", "scope", "type"}


def check_filters(filters: Filters) -> None:
    """Raise InvalidParameterError for a key that events do not have."""
    for key in filters:
        if key not in _KEYS:
            raise InvalidParameterError(f"invalid filter '{key}'")


def matches(event: Event, filters: Filters) -> bool:
    """Tell whether an event passes: all keys must match, any value of a key suffices."""
    return all(_matches_key(event, key, values) for key, values in filters.items() if values)


def _matches_key(event: Event, key: str, values: tuple[str, ...]) -> bool:
    if key == "event":
        return any(
            event.action == value or event.action.startswith(value + ":") for value in values
        )
    if key == "type":
        return event.type in values
    if key == "scope":
        return event.scope in values
    if key == "label":
        return all(_has_label(event, value) for value in values)
    return any(_is_object(event, key, value) for value in values)


def _has_label(event: Event, wanted: str) -> bool:
    name, separator, value = wanted.partition("=")
    if name not in event.attributes:
        return False
    return not separator or event.attributes[name] == value


def _is_object(event: Event, key: str, value: str) -> bool:
    if key == "image" and event.type == "container":
        return _same_image(event.attributes.get("image", ""), value)
    if event.type != key:
        return False
    name = event.attributes.get("name", "")
    return value in (event.actor_id, name) or (
        len(value) >= 4 and event.actor_id.removeprefix("sha256:").startswith(value)
    )


def _same_image(image: str, wanted: str) -> bool:
    return image == wanted or image.partition(":")[0] == wanted
