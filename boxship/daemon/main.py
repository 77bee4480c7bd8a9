"""The command ``boxshipd``."""

import asyncio
import logging
import sys
from collections.abc import Sequence

from boxship.daemon.config import build_config
from boxship.daemon.logs import configure_logging
from boxship.daemon.options import load, parse_command_line
from boxship.errors import BoxshipError

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run the daemon; returns its exit status: 0, 1 for a failed start, 125 for bad flags."""
    try:
        flags = parse_command_line(arguments)
    except BoxshipError as error:
        print(error.message, file=sys.stderr)
        return 125
    try:
        values = load(flags)
        config = build_config(values)
    except BoxshipError as error:
        print(error.message, file=sys.stderr)
        return 1
    if values["validate"]:
        print("configuration OK", file=sys.stderr)
        return 0
    configure_logging(config.log_level, config.log_format)

    from boxship.daemon.program import Daemon

    async def run() -> None:
        await Daemon(flags, values).run()

    try:
        asyncio.run(run())
    except BoxshipError as error:
        _log.critical("failed to start daemon: %s", error.message)
        return 1
    return 0
