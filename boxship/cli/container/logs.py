"""``boxship logs``."""

import time

from boxship import units
from boxship.cli.flags import Flag, Flags
from boxship.cli.relay import Output
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_inspect, container_logs

USAGE = "[OPTIONS] CONTAINER"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    Flag("details", "", "bool", "Show extra details provided to logs"),
    Flag("follow", "f", "bool", "Follow log output"),
    Flag(
        "since",
        "",
        "string",
        'Show logs since timestamp (e.g. "2024-01-02T13:23:37Z") or relative (e.g. "42m")',
    ),
    Flag(
        "tail",
        "n",
        "string",
        "Number of lines to show from the end of the logs",
        default="all",
    ),
    Flag("timestamps", "t", "bool", "Show timestamps"),
    Flag(
        "until",
        "",
        "string",
        'Show logs before a timestamp (e.g. "2024-01-02T13:23:37Z") or relative (e.g. "42m")',
    ),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the log, and with --follow what is added to it."""
    call = container_logs(
        args[0],
        follow=flags.on("follow"),
        since=unix_time(flags.text("since")),
        until=unix_time(flags.text("until")),
        timestamps=flags.on("timestamps"),
        tail=flags.text("tail"),
        details=flags.on("details"),
    )
    response = cli.client.response(call)
    kind = response.head.headers.get("content-type", "")
    if "docker" in kind:
        multiplexed = kind.endswith("multiplexed-stream")
    else:
        multiplexed = not cli.json(container_inspect(args[0]))["Config"]["Tty"]
    output = Output(multiplexed=multiplexed)
    for data in response:
        output.feed(data)
    return 0


def unix_time(text: str) -> str:
    """What --since and --until take, as the API's ``seconds.nanoseconds``; empty stays empty."""
    if not text:
        return ""
    seconds, nanoseconds = divmod(units.parse_timestamp(text, time.time_ns()), units.SECOND)
    return f"{seconds}.{nanoseconds:09d}"
