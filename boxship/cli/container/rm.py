"""``boxship rm``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_remove

USAGE = "[OPTIONS] CONTAINER [CONTAINER...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (
    Flag("force", "f", "bool", "Force the removal of a running container (uses SIGKILL)"),
    Flag("link", "l", "bool", "Remove the specified link"),
    Flag("volumes", "v", "bool", "Remove anonymous volumes associated with the container"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Remove each and print its name; with --force a missing one is no failure."""
    force = flags.on("force")

    def remove(ref: str) -> None:
        call = container_remove(
            ref.strip("/"), volumes=flags.on("volumes"), force=force, link=flags.on("link")
        )
        cli.client.run(call)

    return cli.for_each(args, remove, missing_is_failure=not force)
