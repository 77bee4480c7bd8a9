"""``boxship manifest create``."""

from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.manifest.store import ManifestStore, entry
from boxship.cli.remote import Registries, named
from boxship.cli.session import Cli
from boxship.errors import NotFoundError

USAGE = "MANIFEST_LIST MANIFEST [MANIFEST...]"
ARGS: tuple[int, int | None] = (2, None)
FLAGS = (
    Flag("amend", "a", "bool", "Amend an existing manifest list"),
    Flag("insecure", "", "bool", "Allow communication with an insecure registry"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Begin or extend a manifest list on this machine."""
    target = named(args[0])
    store = ManifestStore(cli)
    if store.entries(target) is not None and not flags.on("amend"):
        raise CliError("refusing to amend an existing manifest list with no --amend flag")
    registries = Registries(cli, insecure=flags.on("insecure"))
    for text in args[1:]:
        image = named(text)
        if store.get(target, image) is not None:
            continue
        try:
            found = registries.fetch(image)
        except NotFoundError:
            raise CliError(f"no such manifest: {image}") from None
        if found.is_index:
            raise CliError(f"{image} is a manifest list")
        store.save(target, image, entry(found, registries.platform(found)))
    cli.print(f"Created manifest list {target}")
    return 0
