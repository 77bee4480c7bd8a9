"""``boxship events``."""

import time

from boxship import units
from boxship.cli.container.logs import unix_time
from boxship.cli.filters import FILTER, read_filters
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.system import system_events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (
    FILTER,
    Flag("format", "", "string", "Format output using a custom template: 'json' or a Go template"),
    Flag("since", "", "string", "Show all events created since timestamp"),
    Flag("until", "", "string", "Stream events until this timestamp"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print each event as it comes."""
    call = system_events(
        since=unix_time(flags.text("since")),
        until=unix_time(flags.text("until")),
        filters=read_filters(flags),
    )
    text = flags.text("format")
    for event in cli.client.lines(call):
        cli.write(_formatted(event, text) if text else _line(event))
        cli.flush()
    return 0


def _formatted(event: "Mapping[str, Any]", text: str) -> str:
    from boxship.cli.inspecting import render_one

    return render_one(event, text)


def _line(event: "Mapping[str, Any]") -> str:
    """``2024-05-01T10:00:00.000000000+02:00 container start <id> (image=…, name=…)``."""
    actor = event.get("Actor") or {}
    line = f"{_moment(event)} {event['Type']} {event['Action']} {actor.get('ID', '')}"
    attributes = actor.get("Attributes") or {}
    if attributes:
        shown = ", ".join(f"{key}={value}" for key, value in sorted(attributes.items()))
        line += f" ({shown})"
    return line + "\n"


def _moment(event: "Mapping[str, Any]") -> str:
    seconds, nanoseconds = divmod(int(event.get("timeNano") or 0), units.SECOND)
    local = time.localtime(seconds)
    zone = time.strftime("%z", local)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{nanoseconds:09d}{zone[:3]}:{zone[3:]}"
