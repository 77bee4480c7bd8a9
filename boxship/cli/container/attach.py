"""``boxship attach``."""

from boxship.cli.container.attaching import check_terminal, container_session, detach_keys
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_attach, container_inspect, container_wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

USAGE = "[OPTIONS] CONTAINER"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    Flag("detach-keys", "", "string", "Override the key sequence for detaching a container"),
    Flag("no-stdin", "", "bool", "Do not attach STDIN"),
    Flag("sig-proxy", "", "bool", "Proxy all received signals to the process", default=True),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Attach to the main process; the exit code is the container's."""
    container = cli.json(container_inspect(args[0]))
    _check_state(container["State"])
    config = container["Config"]
    tty = bool(config.get("Tty"))
    stdin = bool(config.get("OpenStdin")) and not flags.on("no-stdin")
    check_terminal(stdin=stdin, tty=tty)
    keys = detach_keys(cli, flags.text("detach-keys"))
    ref = container["Id"]
    session = container_session(
        cli, ref, tty=tty, stdin=stdin, keys=keys, forward_signals=flags.on("sig-proxy")
    )
    with session:
        wait = cli.client.start(container_wait(ref))
        call = container_attach(ref, stdin=stdin, stdout=True, stderr=True, detach_keys=keys)
        if session.relay(cli.client.hijack(call)):
            raise CliError("read escape sequence")
        return session.exit_code(wait.response())


def _check_state(state: "Mapping[str, Any]") -> None:
    if not state.get("Running"):
        raise CliError("cannot attach to a stopped container, start it first")
    if state.get("Paused"):
        raise CliError("cannot attach to a paused container, unpause it first")
    if state.get("Restarting"):
        raise CliError("cannot attach to a restarting container, wait until it is running")
