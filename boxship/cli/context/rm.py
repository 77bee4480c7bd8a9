"""``boxship context rm``."""

from boxship.cli.context.current import set_current
from boxship.cli.context.store import ContextStore
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.options import DEFAULT_CONTEXT
from boxship.cli.session import Cli

USAGE = "CONTEXT [CONTEXT...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (Flag("force", "f", "bool", "Force the removal of a context in use"),)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Remove contexts; those that cannot be are told at the end."""
    failures = []
    for name in args:
        try:
            _remove(cli, name, force=flags.on("force"))
        except CliError as error:
            failures.append(str(error))
        else:
            cli.print(name)
    if failures:
        cli.warn("\n".join(failures))
    return 1 if failures else 0


def _remove(cli: Cli, name: str, *, force: bool) -> None:
    store = ContextStore(cli.options.config_dir)
    if name == DEFAULT_CONTEXT:
        raise CliError('context "default" cannot be removed')
    if not store.exists(name):
        if force:
            return
        raise CliError(f'context "{name}" does not exist')
    if name == cli.config.text("currentContext"):
        if not force:
            raise CliError(f'context "{name}" is in use, set -f flag to force remove')
        set_current(cli, DEFAULT_CONTEXT)
    store.remove(name)
