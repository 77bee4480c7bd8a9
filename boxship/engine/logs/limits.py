"""What ``--log-opt`` says of a container's own log: how large it may grow."""

from collections.abc import Mapping
from typing import NamedTuple

from boxship.errors import InvalidParameterError
from boxship.units import natural, parse_bytes

DEFAULT_MAX_BYTES = 20 * 1024 * 1024
DEFAULT_MAX_FILES = 5
"""Logs are bounded unless a user says otherwise: what Docker leaves unbounded fills disks."""


class LogLimits(NamedTuple):
    """Bytes of one file (0: no limit) and the number of files kept."""

    max_bytes: int = DEFAULT_MAX_BYTES
    max_files: int = DEFAULT_MAX_FILES


def log_limits(options: Mapping[str, str]) -> LogLimits:
    """Read ``max-size`` and ``max-file``. Raises InvalidParameterError for a bad value."""
    return LogLimits(_max_bytes(options.get("max-size", "")), _max_files(options))


def _max_bytes(text: str) -> int:
    if not text:
        return DEFAULT_MAX_BYTES
    if text == "-1":
        return 0
    size = parse_bytes(text)
    if size <= 0:
        raise InvalidParameterError(f"max-size should be a positive number, not {text}")
    return size


def _max_files(options: Mapping[str, str]) -> int:
    text = options.get("max-file", "")
    if not text:
        return DEFAULT_MAX_FILES
    number = natural(text)
    if not number:
        raise InvalidParameterError("max-file cannot be less than 1")
    return number
