"""Times, ids and texts as tables show them."""

import time

from boxship import units

ELLIPSIS = "…"


def ago(unix_seconds: float) -> str:
    """``2 minutes ago``."""
    return units.human_duration(time.time() - unix_seconds) + " ago"


def local_time(unix_seconds: float) -> str:
    """``2024-05-01 12:00:00 +0200 CEST``, as Go prints a time."""
    moment = time.localtime(unix_seconds)
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", moment)


def short_id(full: str, *, no_trunc: bool = False) -> str:
    """The first 12 digits of an id, without ``sha256:``; the whole id with no_trunc."""
    return full if no_trunc else full.removeprefix("sha256:")[:12]


def ellipsis(text: str, width: int) -> str:
    """Cut text to width characters, the last of which then is an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + ELLIPSIS


def size(size_bytes: float) -> str:
    """A size with 3 significant digits, as tables show it."""
    return units.human_size(size_bytes, 3)


def labels(table: "dict[str, str] | None") -> str:
    """``key=value,…``, sorted by key."""
    return ",".join(f"{key}={value}" for key, value in sorted((table or {}).items()))


def rfc3339(unix_seconds: float) -> str:
    """``2024-05-01T12:00:00+02:00``, local time."""
    moment = time.localtime(unix_seconds)
    zone = time.strftime("%z", moment)
    shown = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return time.strftime("%Y-%m-%dT%H:%M:%S", moment) + shown
