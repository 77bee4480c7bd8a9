"""The ``filters`` of a request in the form the engine takes."""

from boxship.api.query import Query


def filters(query: Query, *, key: str = "filters") -> dict[str, tuple[str, ...]]:
    """Return filter name -> values. Raises InvalidParameterError for a malformed document."""
    return {name: tuple(values) for name, values in query.filters(key).items()}


def removed_first(query: Query) -> tuple[str, ...]:
    """Return the ids of containers that a plan takes as gone (``without``, Boxship's own)."""
    return tuple(part for part in query.text("without").split(",") if part)
