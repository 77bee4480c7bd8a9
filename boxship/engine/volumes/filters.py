"""Which volumes a list or prune shows (Docker's filters)."""

import re
from collections.abc import Callable, Iterable, Mapping

from boxship.engine.volumes.volume import Volume
from boxship.errors import InvalidParameterError

Filters = Mapping[str, tuple[str, ...]]

_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_LIST_KEYS = frozenset({"dangling", "driver", "label", "name"})
_PRUNE_KEYS = frozenset({"all", "label", "label!"})


def select(
    volumes: Iterable[Volume], filters: Filters, used: Callable[[], set[str]]
) -> list[Volume]:
    """Return the volumes that pass, sorted by name. ``used`` names those in use."""
    _check_keys(filters, _LIST_KEYS)
    dangling = _truth(filters, "dangling")
    in_use = used() if dangling is not None else set()
    passing = [
        volume
        for volume in volumes
        if (dangling is None or (volume.name not in in_use) == dangling)
        and _matches(volume, filters)
    ]
    return sorted(passing, key=lambda volume: volume.name)


def prunable(volumes: Iterable[Volume], filters: Filters) -> list[Volume]:
    """Return the volumes that prune may remove if nobody uses them: anonymous ones, or all."""
    _check_keys(filters, _PRUNE_KEYS)
    everything = _truth(filters, "all") or False
    return [
        volume
        for volume in volumes
        if (everything or volume.anonymous)
        and volume.is_local
        and _has_labels(volume, filters.get("label", ()))
        and not any(_has_label(volume, wanted) for wanted in filters.get("label!", ()))
    ]


def _check_keys(filters: Filters, known: frozenset[str]) -> None:
    for key in filters:
        if key not in known:
            raise InvalidParameterError(f"invalid filter '{key}'")


def _truth(filters: Filters, key: str) -> bool | None:
    values = filters.get(key)
    if not values:
        return None
    truths = {_TRUTHS.get(value) for value in values}
    if len(truths) != 1 or None in truths:
        raise InvalidParameterError(f"invalid filter '{key}=[{' '.join(values)}]'")
    return truths.pop()


def _matches(volume: Volume, filters: Filters) -> bool:
    drivers, patterns = filters.get("driver"), filters.get("name")
    return (
        (not drivers or volume.driver in drivers)
        and (not patterns or any(_named(volume, pattern) for pattern in patterns))
        and _has_labels(volume, filters.get("label", ()))
    )


def _named(volume: Volume, pattern: str) -> bool:
    try:
        return re.search(pattern, volume.name) is not None
    except re.error:
        return pattern in volume.name


def _has_labels(volume: Volume, wanted: Iterable[str]) -> bool:
    return all(_has_label(volume, label) for label in wanted)


def _has_label(volume: Volume, wanted: str) -> bool:
    name, separator, value = wanted.partition("=")
    if name not in volume.labels:
        return False
    return not separator or volume.labels[name] == value
