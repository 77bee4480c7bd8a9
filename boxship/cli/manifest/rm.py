"""``boxship manifest rm``."""

from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.manifest.store import ManifestStore
from boxship.cli.remote import named
from boxship.cli.session import Cli

USAGE = "MANIFEST_LIST [MANIFEST_LIST...]"
ARGS: tuple[int, int | None] = (1, None)
FLAGS: tuple[Flag, ...] = ()


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Forget manifest lists of this machine."""
    store = ManifestStore(cli)
    missing = []
    for text in args:
        target = named(text)
        if store.entries(target) is None:
            missing.append(f"No such manifest: {target}")
        store.remove(target)
    if missing:
        raise CliError("\n".join(missing))
    return 0
