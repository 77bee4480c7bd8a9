"""``boxship logout``."""

from boxship.cli import credentials
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli

USAGE = "[SERVER]"
ARGS: tuple[int, int | None] = (0, 1)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Forget a login."""
    domain = credentials.login_domain(args[0] if args else "")
    key = credentials.server_key(domain)
    helper = credentials.helper_name(cli.config, key)
    auths = cli.config.table("auths")
    names = [name for name in auths if credentials.hostname(name) == credentials.hostname(key)]
    if not names and not helper:
        cli.print(f"Not logged in to {domain}")
        return 0
    cli.print(f"Removing login credentials for {domain}")
    if helper:
        credentials.run_helper(helper, "erase", key)
    for name in names:
        del auths[name]
    if names:
        cli.config.save()
    return 0
