"""``boxship exec``."""

from boxship.cli.container import spec_files
from boxship.cli.container.attaching import Session, check_terminal, detach_keys
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.terminal import size
from boxship.client.calls import execs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "[OPTIONS] CONTAINER COMMAND [ARG...]"
ARGS: tuple[int, int | None] = (2, None)
FLAGS = (
    Flag("detach", "d", "bool", "Detached mode: run command in the background"),
    Flag("detach-keys", "", "string", "Override the key sequence for detaching a container"),
    Flag("env", "e", "list", "Set environment variables"),
    Flag("env-file", "", "list", "Read in a file of environment variables"),
    Flag("interactive", "i", "bool", "Keep STDIN open even if not attached"),
    Flag("privileged", "", "bool", "Give extended privileges to the command"),
    Flag("tty", "t", "bool", "Allocate a pseudo-TTY"),
    Flag("user", "u", "string", 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
    Flag("workdir", "w", "string", "Working directory inside the container"),
)
INTERSPERSED = False


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Run a further process; the exit code is its."""
    container, *command = args
    detach, tty = flags.on("detach"), flags.on("tty")
    stdin = flags.on("interactive") and not detach
    check_terminal(stdin=stdin, tty=tty)
    keys = detach_keys(cli, flags.text("detach-keys"))
    body = _body(flags, command, stdin=stdin, keys=keys)
    exec_id: str = cli.json(execs.exec_create(container, body))["Id"]
    if detach:
        cli.client.run(execs.exec_start(exec_id, detach=True, tty=tty))
        return 0
    session = Session(
        cli,
        "",
        tty=tty,
        stdin=stdin,
        keys=keys,
        resize=lambda rows, columns: execs.exec_resize(exec_id, rows=rows, columns=columns),
    )
    with session:
        stream = cli.client.hijack(
            execs.exec_start(exec_id, detach=False, tty=tty, size=list(size()) if tty else None)
        )
        if session.relay(stream):
            return 0
    return _exit_code(cli, exec_id)


def _body(flags: Flags, command: list[str], *, stdin: bool, keys: str) -> "dict[str, Any]":
    body: dict[str, Any] = {
        "Cmd": command,
        "AttachStdin": stdin,
        "AttachStdout": not flags.on("detach"),
        "AttachStderr": not flags.on("detach"),
        "Tty": flags.on("tty"),
        "Detach": flags.on("detach"),
        "Privileged": flags.on("privileged"),
        "User": flags.text("user"),
        "WorkingDir": flags.text("workdir"),
        "Env": spec_files.environment(flags.items("env"), flags.items("env-file")),
    }
    if keys:
        body["DetachKeys"] = keys
    if flags.on("tty"):
        body["ConsoleSize"] = list(size())
    return body


def _exit_code(cli: Cli, exec_id: str) -> int:
    state = cli.json(execs.exec_inspect(exec_id))
    if state.get("Running"):
        raise CliError("the connection was closed while the command still runs", 125)
    return int(state.get("ExitCode") or 0)
