"""Progress streams: what an operation reports, one JSON line each, while it goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from boxship.api.convert.images import progress_json
from boxship.api.request import Request
from boxship.engine.images.image import Progress, ProgressSink
from boxship.errors import BoxshipError

T = TypeVar("T")


async def stream_progress(
    request: Request,
    operation: Callable[[ProgressSink], Awaitable[T]],
    *,
    always_in_stream: bool = False,
) -> T:
    """Run ``operation`` and send what it reports; returns its result.

    An error before the first report is a plain HTTP error (unless ``always_in_stream``), a later
    one the stream's last line. When the client goes away the operation is cancelled.
    """
    stream = request.stream("application/json", progress=True)
    reports: asyncio.Queue[Progress | None] = asyncio.Queue()
    task = asyncio.ensure_future(operation(reports.put_nowait))
    task.add_done_callback(lambda _task: reports.put_nowait(None))
    try:
        while (report := await reports.get()) is not None:
            await stream.write_json(progress_json(report))
        return await task
    except BoxshipError:
        if always_in_stream:
            await stream.start()
        raise
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
