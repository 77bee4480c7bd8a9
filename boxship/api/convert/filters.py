"""The ``filters`` of a request in the form the engine takes."""

from boxship.api.query import Query


def filters(query: Query, *, key: str = "filters") -> dict[str, tuple[str, ...]]:
    """Return filter name -> values. Raises InvalidParameterError for a malformed document."""
    return {name: tuple(values) for name, values in query.filters(key).items()}
