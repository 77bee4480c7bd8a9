"""``boxship manifest inspect``."""

from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.manifest import lists
from boxship.cli.manifest.store import ManifestStore, entry, raw
from boxship.cli.remote import Registries, Remote, named, with_digest
from boxship.cli.session import Cli
from boxship.client import jsontext
from boxship.errors import NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from boxship.reference import Reference

    Json = dict[str, Any]

USAGE = "[OPTIONS] [MANIFEST_LIST] MANIFEST"
ARGS: tuple[int, int | None] = (1, 2)
FLAGS = (
    Flag("insecure", "", "bool", "Allow communication with an insecure registry"),
    Flag("verbose", "v", "bool", "Output additional info including layers and platform"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print a manifest or a list: one of the user's own first, else the registry's."""
    image = named(args[-1])
    store, verbose = ManifestStore(cli), flags.on("verbose")
    if len(args) == 2:
        one = store.get(named(args[0]), image)
        if one is None:
            raise CliError(f"No such manifest: {image}")
        cli.print(_manifest(one, verbose=verbose))
        return 0
    local = store.entries(image)
    if local is not None:
        cli.print(_list(image, local, verbose=verbose))
        return 0
    registries = Registries(cli, insecure=flags.on("insecure"))
    try:
        found = registries.fetch(image)
    except NotFoundError:
        raise CliError(f"no such manifest: {image}") from None
    cli.print(_remote(registries, found, verbose=verbose))
    return 0


def _remote(registries: Registries, found: Remote, *, verbose: bool) -> str:
    if found.is_index:
        return _remote_list(registries, found, verbose=verbose)
    platform = registries.platform(found) if verbose else {}
    return _manifest(entry(found, platform), verbose=verbose)


def _remote_list(registries: Registries, found: Remote, *, verbose: bool) -> str:
    listed = found.document.get("manifests") or []
    if verbose:
        members = [
            entry(registries.member(found, one["digest"]), one.get("platform") or {})
            for one in listed
        ]
        return _list(found.name, members, verbose=True)
    members = [
        {"Ref": str(with_digest(found.name, one["digest"])), "Descriptor": one} for one in listed
    ]
    return _list(found.name, members, verbose=False)


def _manifest(one: "Json", *, verbose: bool) -> str:
    shown = one if verbose else jsontext.loads(raw(one))
    return jsontext.dumps_indented(shown, "\t")


def _list(target: "Reference", entries: "list[Json]", *, verbose: bool) -> str:
    if verbose:
        return jsontext.dumps_indented(entries, "\t")
    return lists.build(target, entries)[1].decode()
