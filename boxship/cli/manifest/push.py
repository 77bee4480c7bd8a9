"""``boxship manifest push``."""

from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.manifest import lists
from boxship.cli.manifest.store import ManifestStore
from boxship.cli.remote import Registries, named, with_digest
from boxship.cli.session import Cli
from boxship.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

USAGE = "[OPTIONS] MANIFEST_LIST"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    Flag("insecure", "", "bool", "Allow push to an insecure registry"),
    Flag("purge", "p", "bool", "Remove the local manifest list after push"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Store a manifest list in its registry; manifests of other repositories go along."""
    target = named(args[0])
    store = ManifestStore(cli)
    entries = store.entries(target)
    if not entries:
        raise CliError(f"No such manifest: {target}")
    lists.check_platforms(entries)
    media_type, data = lists.build(target, entries)
    registries = Registries(cli, insecure=flags.on("insecure"))
    for one in entries:
        _bring(cli, registries, target, one)
    cli.print(registries.put(target, media_type, data))
    if flags.on("purge"):
        store.remove(target)
    return 0


def _bring(cli: Cli, registries: Registries, target: Reference, one: "Json") -> None:
    source, digest = named(one["Ref"]), one["Descriptor"]["digest"]
    if source.path == target.path:
        return
    place = Reference(target.domain, target.path, None, digest)
    done = registries.copy(with_digest(source, digest), place)
    cli.print(f"Pushed ref {place} with digest: {done}")
