"""``boxship rmi``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.main import describe
from boxship.cli.session import Cli
from boxship.client.calls.images import image_remove
from boxship.errors import BoxshipError, NotFoundError

USAGE = "[OPTIONS] IMAGE [IMAGE...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS = (
    Flag("force", "f", "bool", "Force removal of the image"),
    Flag("no-prune", "", "bool", "Do not delete untagged parents"),
    Flag("platform", "", "slice", "Remove only the given platform variant", shown="strings"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Remove each; print what was untagged and deleted."""
    failures, code = [], 0
    for ref in args:
        call = image_remove(
            ref,
            force=flags.on("force"),
            no_prune=flags.on("no-prune"),
            platforms=flags.items("platform"),
        )
        try:
            removed = cli.json(call) or []
        except BoxshipError as error:
            failures.append(describe(error))
            if not (flags.on("force") and isinstance(error, NotFoundError)):
                code = 1
            continue
        for item in removed:
            deleted = item.get("Deleted")
            cli.print(f"Deleted: {deleted}" if deleted else f"Untagged: {item['Untagged']}")
    for failure in failures:
        cli.warn(failure)
    return code
