"""What a log driver is, and what it is told of its container."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from boxship import gotemplate
from boxship.engine.logs.line import LogRecord
from boxship.errors import InvalidParameterError
from boxship.ids import short_id
from boxship.units import natural

COMMON_OPTIONS = frozenset(
    {"labels", "labels-regex", "env", "env-regex", "tag", "mode", "max-buffer-size"}
    | {"max-size", "max-file"}
)
"""Options of every driver. The sizes bound the log that ``logs`` reads back (dual logging)."""
DEFAULT_TAG = "{{.ID}}"
STDOUT_SEVERITY, STDERR_SEVERITY = 6, 3
"""Docker logs stdout as informational, stderr as errors (RFC 5424 table 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogInfo:
    """A container, as messages tell of it."""

    container_id: str
    container_name: str
    """Without a slash."""
    image_id: str
    image_name: str
    command: str
    created_at_ns: int
    labels: Mapping[str, str] = field(default_factory=dict)
    env: Sequence[str] = ()
    directory: str = ""
    """Of the container's files."""
    options: Mapping[str, str] = field(default_factory=dict)


class LogDriver(Protocol):
    """Takes records; used from worker threads, one call at a time. Raises OSError to be retried."""

    def write(self, records: Sequence[LogRecord]) -> None:
        """Send or keep records; the same ones may come again after a failure. [blocking]"""

    def close(self) -> None:
        """Let go of files and connections."""


def extra_attributes(info: LogInfo) -> dict[str, str]:
    """Return the labels and variables that ``labels``, ``env`` and their regexes choose."""
    variables = dict(entry.partition("=")[::2] for entry in info.env)
    chosen = dict(_chosen(info.labels, info.options, "labels"))
    chosen.update(_chosen(variables, info.options, "env"))
    return chosen


def _chosen(
    values: Mapping[str, str], options: Mapping[str, str], name: str
) -> Iterator[tuple[str, str]]:
    named = [key for key in options.get(name, "").split(",") if key in values]
    pattern = options.get(f"{name}-regex", "")
    matching = [key for key in values if pattern and re.search(pattern, key)]
    for key in dict.fromkeys((*named, *matching)):
        yield key, values[key]


def tag_of(info: LogInfo) -> str:
    """Return the value of the option ``tag``, a Go template. Raises InvalidParameterError."""
    text = info.options.get("tag") or DEFAULT_TAG
    return gotemplate.compile(text).render(
        {
            "ID": short_id(info.container_id),
            "FullID": info.container_id,
            "Name": info.container_name,
            "ImageID": short_id(info.image_id),
            "ImageFullID": info.image_id,
            "ImageName": info.image_name,
            "DaemonName": "boxship",
            "Command": info.command,
            "Hostname": os.uname().nodename,
        }
    )


def check_common(driver: str, allowed: frozenset[str], options: Mapping[str, str]) -> None:
    """Raise InvalidParameterError, in Docker's words, for an option that the driver lacks."""
    for name, value in options.items():
        if name not in allowed and name not in COMMON_OPTIONS:
            raise InvalidParameterError(f"unknown log opt '{name}' for {driver} log driver")
        if name.endswith("-regex"):
            try:
                re.compile(value)
            except re.error as error:
                raise InvalidParameterError(f"invalid log opt {name}: {error}") from error
    if options.get("mode", "blocking") not in ("blocking", "non-blocking"):
        raise InvalidParameterError(f"logger: logging mode not supported: {options['mode']}")
    if "tag" in options:
        gotemplate.compile(options["tag"])


def text_of(record: LogRecord) -> str:
    """Return a line without its end; bytes that are no UTF-8 become the replacement character."""
    return record.data.removesuffix(b"\n").decode("utf-8", "replace")


def severity_of(record: LogRecord) -> int:
    """Return a record's severity."""
    return STDERR_SEVERITY if record.stream == "stderr" else STDOUT_SEVERITY


def parse_bool(options: Mapping[str, str], name: str) -> bool:
    """Read a boolean option, false by default. Raises InvalidParameterError."""
    value = options.get(name, "").lower()
    if value not in ("", "true", "false", "1", "0"):
        raise InvalidParameterError(f'invalid value for {name}: "{value}": use true or false')
    return value in ("true", "1")


def parse_number(options: Mapping[str, str], name: str, default: int) -> int:
    """Read a number that is not negative. Raises InvalidParameterError."""
    text = options.get(name, "")
    number = natural(text) if text else default
    if number is None:
        raise InvalidParameterError(f'invalid value for {name}: "{text}" is no number')
    return number
