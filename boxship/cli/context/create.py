"""``boxship context create``."""

from boxship.cli.context import settings
from boxship.cli.context.current import load_context
from boxship.cli.context.store import Context, ContextStore, check_endpoint, read_tls
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli

USAGE = "[OPTIONS] CONTEXT"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    settings.DESCRIPTION,
    settings.DOCKER,
    Flag("from", "", "string", "create context from a named context"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Make a context out of an endpoint, or as a copy of another one (the current by default)."""
    store, name = ContextStore(cli.options.config_dir), args[0]
    store.check_new(name)
    description = flags.text("description")
    if flags.text("from") or not flags.changed("docker"):
        if flags.changed("docker"):
            raise CliError("cannot use --docker flag when --from is set")
        source = load_context(cli, flags.text("from") or cli.options.context)
        metadata = {**source.metadata, **({"Description": description} if description else {})}
        context = Context(name, source.host, metadata, skip_tls_verify=source.skip_tls_verify)
        tls = read_tls(source)
    else:
        given = settings.read(flags.items("docker"), lambda other: load_context(cli, other))
        metadata = {"Description": description} if description else {}
        context = Context(name, given.host, metadata, skip_tls_verify=given.skip_tls_verify)
        tls = given.tls
        check_endpoint(context)
    store.save(context, tls)
    cli.print(name)
    cli.warn(f'Successfully created context "{name}"')
    return 0
