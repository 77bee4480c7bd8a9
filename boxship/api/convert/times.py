"""Points in time as Docker's JSON writes them."""

from boxship.units import GO_ZERO_TIME, format_timestamp_ns


def timestamp(ns: int) -> str:
    """Write nanoseconds since the epoch as RFC 3339; 0 is Go's zero time."""
    return format_timestamp_ns(ns) if ns else GO_ZERO_TIME
