"""``boxship update``."""

from boxship.cli.container.create_flags import UPDATE_FLAGS
from boxship.cli.container.spec import resources, restart_policy
from boxship.cli.errors import CliError
from boxship.cli.flags import Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_update

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = UPDATE_FLAGS


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Change each and print its name."""
    body = resources(flags)
    policy = restart_policy(flags.text("restart"))
    if policy is not None:
        body["RestartPolicy"] = policy
    if not body:
        raise CliError("you must provide one or more flags when using this command")

    def update(ref: str) -> None:
        for warning in (cli.json(container_update(ref, body)) or {}).get("Warnings") or []:
            cli.warn(warning)

    return cli.for_each(args, update)
