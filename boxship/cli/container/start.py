"""``boxship start``."""

from boxship.cli.container.attaching import check_terminal, container_session, detach_keys
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import (
    container_attach,
    container_inspect,
    container_start,
    container_wait,
)

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (
    Flag("attach", "a", "bool", "Attach STDOUT/STDERR and forward signals"),
    Flag("checkpoint", "", "string", "Restore from this checkpoint", hidden=True),
    Flag("checkpoint-dir", "", "string", "Use a custom checkpoint directory", hidden=True),
    Flag("detach-keys", "", "string", "Override the key sequence for detaching a container"),
    Flag("interactive", "i", "bool", "Attach container's STDIN"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Start containers, or one and attach to it."""
    if flags.on("attach") or flags.on("interactive"):
        if len(args) > 1:
            raise CliError("you cannot start and attach multiple containers at once")
        return _start_attached(cli, flags, args[0])
    checkpoint, directory = flags.text("checkpoint"), flags.text("checkpoint-dir")

    def start(ref: str) -> None:
        call = container_start(ref, checkpoint=checkpoint, checkpoint_dir=directory)
        cli.client.run(call)

    return cli.for_each(args, start)


def _start_attached(cli: Cli, flags: Flags, name: str) -> int:
    container = cli.json(container_inspect(name))
    config, ref = container["Config"], container["Id"]
    tty = bool(config.get("Tty"))
    stdin = flags.on("interactive") and bool(config.get("OpenStdin"))
    check_terminal(stdin=stdin, tty=tty)
    keys = detach_keys(cli, flags.text("detach-keys"))
    removed = (container.get("HostConfig") or {}).get("AutoRemove")
    session = container_session(cli, ref, tty=tty, stdin=stdin, keys=keys, forward_signals=True)
    with session:
        wait = cli.client.start(container_wait(ref, "removed" if removed else "next-exit"))
        output = flags.on("attach") or stdin
        call = container_attach(ref, stdin=stdin, stdout=output, stderr=output, detach_keys=keys)
        stream = cli.client.hijack(call)
        registered = wait.response()
        cli.client.run(container_start(ref))
        if session.relay(stream):
            return 0
        return session.exit_code(registered)
