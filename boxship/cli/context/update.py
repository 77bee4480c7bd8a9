"""``boxship context update``."""

from boxship.cli.context import settings
from boxship.cli.context.current import load_context
from boxship.cli.context.store import ContextStore, check_endpoint, check_name, read_tls
from boxship.cli.flags import Flags
from boxship.cli.session import Cli

USAGE = "[OPTIONS] CONTEXT"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (settings.DESCRIPTION, settings.DOCKER)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Change what is given of a context."""
    store, name = ContextStore(cli.options.config_dir), args[0]
    check_name(name)
    context = store.get(name)
    tls = read_tls(context)
    if flags.changed("description"):
        context.metadata["Description"] = flags.text("description")
    if flags.changed("docker"):
        given = settings.read(flags.items("docker"), lambda other: load_context(cli, other))
        context.host, context.skip_tls_verify, tls = given.host, given.skip_tls_verify, given.tls
        check_endpoint(context)
    store.save(context, tls)
    cli.print(name)
    cli.warn(f'Successfully updated context "{name}"')
    return 0
