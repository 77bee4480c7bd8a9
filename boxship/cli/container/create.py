"""``boxship create``."""

from boxship.cli.container.create_flags import CREATE_FLAGS
from boxship.cli.container.creation import create, with_hint
from boxship.cli.container.spec import create_body
from boxship.cli.errors import CliError, UsageError
from boxship.cli.flags import Flags
from boxship.cli.session import Cli

USAGE = "[OPTIONS] IMAGE [COMMAND] [ARG...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = CREATE_FLAGS
INTERSPERSED = False


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Create a container and print its id."""
    try:
        body = create_body(flags, args[0], args[1:], cli.proxies)
        cli.print(create(cli, flags, body))
    except UsageError:
        raise
    except CliError as error:
        raise CliError(with_hint(cli, str(error)), error.code) from error
    return 0
