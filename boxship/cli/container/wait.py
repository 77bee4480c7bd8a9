"""``boxship wait``."""

from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.main import describe
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_wait
from boxship.errors import BoxshipError

USAGE = "CONTAINER [CONTAINER...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the exit code of each, in order."""
    failures = []
    for ref in args:
        try:
            result = cli.json(container_wait(ref))
        except BoxshipError as error:
            failures.append(describe(error))
        else:
            cli.print(str(result["StatusCode"]))
    if failures:
        raise CliError("\n".join(failures))
    return 0
