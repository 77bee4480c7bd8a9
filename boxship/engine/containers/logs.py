"""Reading a container's log."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from boxship.engine.containers.container import Container
from boxship.engine.containers.context import Context
from boxship.engine.containers.lifecycle import is_alive
from boxship.engine.logs.reader import LogQuery, LogRecord, read_log
from boxship.errors import InvalidParameterError, NotSupportedError


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """Which part of a log a client wants; times in nanoseconds since the epoch."""

    stdout: bool = True
    stderr: bool = True
    follow: bool = False
    since_ns: int = 0
    until_ns: int = 0
    """0: no limit."""
    tail: int | None = None
    """Number of last lines; None: all."""


def read(
    context: Context, container: Container, options: LogOptions
) -> AsyncIterator[list[LogRecord]]:
    """Return batches of records, oldest first; with ``follow`` until the container ends.

    Raises InvalidParameterError when no stream is wanted, NotSupportedError when none is kept.
    """
    if not (options.stdout or options.stderr):
        raise InvalidParameterError("Bad parameters: you must choose at least one stream")
    if container.host.log_driver == "none":
        raise NotSupportedError("configured logging driver does not support reading")
    return _read(context, container, options)


async def _read(
    context: Context, container: Container, options: LogOptions
) -> AsyncIterator[list[LogRecord]]:
    follow = options.follow and is_alive(container.state.status)
    query = LogQuery(
        since_ns=options.since_ns,
        until_ns=options.until_ns,
        tail=options.tail,
        follow=follow,
        stdout=options.stdout,
        stderr=options.stderr,
    )
    ended = context.waiters.for_exit(container.id)
    try:
        async for batch in read_log(context.log_path(container.id), query, ended):
            yield batch
    finally:
        ended.cancel()
