"""Joining a client with a container's streams."""

from dataclasses import dataclass

from boxship.engine.containers import logs
from boxship.engine.containers.container import Container, Status
from boxship.engine.containers.context import Context
from boxship.engine.containers.lifecycle import is_alive, next_status
from boxship.engine.containers.logs import LogOptions
from boxship.engine.runtime.task import AttachRequest
from boxship.wire import stdcopy
from boxship.wire.duplex import Duplex


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachOptions:
    """What a client wants (Docker's query of POST /containers/{id}/attach)."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    logs: bool = False
    """What was written so far, before anything live."""
    stream: bool = False
    """Live bytes."""
    detach_keys: bytes = b"\x10\x11"
    framed: bool = True
    """Tell stdout and stderr apart by stdcopy frames; a terminal never has any."""


async def attach(
    context: Context, container: Container, options: AttachOptions, client: Duplex
) -> None:
    """Send the past, then join the live streams until one side ends."""
    next_status("attach", container)
    attachment = None
    if options.stream and _has_streams(container):
        attachment = context.runtime.attach(container.id, _request(container, options), client)
    with context.database.transaction() as tx:
        context.record(tx, container, "attach")
    if options.logs:
        await _send_logs(context, container, options, client)
    if attachment is not None:
        await attachment.run()


def _has_streams(container: Container) -> bool:
    """Streams exist while it runs, and will exist once it is started for the first time."""
    state = container.state
    return is_alive(state.status) or state.status in (Status.CREATED, Status.EXITED)


def _request(container: Container, options: AttachOptions) -> AttachRequest:
    return AttachRequest(
        stdin=options.stdin and container.config.open_stdin,
        stdout=options.stdout,
        stderr=options.stderr,
        detach_keys=options.detach_keys,
        framed=options.framed and not container.config.tty,
    )


async def _send_logs(
    context: Context, container: Container, options: AttachOptions, client: Duplex
) -> None:
    wanted = LogOptions(stdout=options.stdout, stderr=options.stderr)
    async for batch in logs.read(context, container, wanted):
        for record in batch:
            if options.framed and not container.config.tty:
                stream = stdcopy.STDOUT if record.stream == "stdout" else stdcopy.STDERR
                await client.write(stdcopy.head(stream, len(record.data)))
            await client.write(record.data)
