"""``boxship run``."""

from boxship.cli.container.attaching import (
    Session,
    check_terminal,
    container_session,
    detach_keys,
)
from boxship.cli.container.create_flags import CREATE_FLAGS
from boxship.cli.container.creation import create, failure_code, with_hint
from boxship.cli.container.spec import create_body
from boxship.cli.errors import CliError, UsageError
from boxship.cli.flags import Flag, Flags
from boxship.cli.main import describe
from boxship.cli.session import Cli
from boxship.cli.terminal import size
from boxship.client.calls.containers import container_attach, container_start, container_wait
from boxship.errors import BoxshipError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

USAGE = "[OPTIONS] IMAGE [COMMAND] [ARG...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (
    *CREATE_FLAGS,
    Flag("detach", "d", "bool", "Run container in background and print container ID"),
    Flag("detach-keys", "", "string", "Override the key sequence for detaching a container"),
    Flag("sig-proxy", "", "bool", "Proxy received signals to the process", default=True),
)
INTERSPERSED = False


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Create, attach, start, wait; the exit code is the container's."""
    try:
        body = create_body(flags, args[0], args[1:], cli.proxies)
        if flags.on("detach"):
            return _run_detached(cli, flags, body)
        return _run_attached(cli, flags, body)
    except UsageError:
        raise
    except CliError as error:
        if error.code != 125:
            raise
        raise CliError(with_hint(cli, str(error)), 125) from error
    except BoxshipError as error:
        raise CliError(with_hint(cli, describe(error)), failure_code(error)) from error


def _run_detached(cli: Cli, flags: Flags, body: "Json") -> int:
    if flags.items("attach"):
        raise CliError("conflicting options: cannot specify both --attach and --detach", 125)
    for key in ("AttachStdin", "AttachStdout", "AttachStderr", "StdinOnce"):
        body.pop(key, None)
    container_id = create(cli, flags, body)
    try:
        cli.client.run(container_start(container_id))
    finally:
        cli.print(container_id)
    return 0


def _run_attached(cli: Cli, flags: Flags, body: "Json") -> int:
    stdin, tty = bool(body.get("AttachStdin")), bool(body.get("Tty"))
    check_terminal(stdin=stdin, tty=tty)
    keys = detach_keys(cli, flags.text("detach-keys"))
    if tty:
        body["HostConfig"]["ConsoleSize"] = list(size())
    container_id = create(cli, flags, body)
    shows_output = body.get("AttachStdout") or body.get("AttachStderr")
    if not shows_output:
        cli.print(container_id)
    session = container_session(
        cli,
        container_id,
        tty=tty,
        stdin=stdin,
        keys=keys,
        forward_signals=flags.on("sig-proxy"),
    )
    with session:
        return _attach_and_start(cli, session, container_id, body, keys)


def _attach_and_start(
    cli: Cli, session: Session, container_id: str, body: "Json", keys: str
) -> int:
    """The wait and the attach are under way before the start, so that nothing is missed."""
    removed = body["HostConfig"].get("AutoRemove")
    wait = cli.client.start(container_wait(container_id, "removed" if removed else "next-exit"))
    stream = cli.client.hijack(
        container_attach(
            container_id,
            stdin=bool(body.get("AttachStdin")),
            stdout=bool(body.get("AttachStdout")),
            stderr=bool(body.get("AttachStderr")),
            detach_keys=keys,
        )
    )
    registered = wait.response()
    try:
        cli.client.run(container_start(container_id))
    except BoxshipError:
        stream.close()
        if removed:
            registered.read_all()
        raise
    if session.relay(stream):
        return 0
    return session.exit_code(registered)
