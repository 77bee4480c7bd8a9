"""``boxship commit``."""

from boxship import reference
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.containers import container_commit

USAGE = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]"
ARGS: tuple[int, int | None] = (1, 2)
FLAGS = (
    Flag("author", "a", "string", 'Author (e.g., "Ann Smith <ann@example.com>")'),
    Flag("change", "c", "list", "Apply Dockerfile instruction to the created image"),
    Flag("message", "m", "string", "Commit message"),
    Flag("no-pause", "", "bool", "Do not pause the container during commit"),
    Flag("pause", "p", "bool", "Pause container during commit", default=True, hidden=True),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Make an image and print its id."""
    repo = tag = ""
    if len(args) == 2:
        name = reference.parse_normalized(args[1])
        if name.digest:
            raise CliError("refusing to create a tag with a digest reference")
        repo, tag = name.familiar_name, name.tag or ""
    call = container_commit(
        args[0],
        repo=repo,
        tag=tag,
        comment=flags.text("message"),
        author=flags.text("author"),
        pause=flags.on("pause") and not flags.on("no-pause"),
        changes=flags.items("change"),
    )
    cli.print(cli.json(call)["Id"])
    return 0
