"""``boxship buildx imagetools create``."""

from boxship.cli.buildx.progress import PlainProgress, Step
from boxship.cli.errors import CliError
from boxship.cli.flags import Flag, Flags
from boxship.cli.remote import (
    DOCKER_LIST,
    OCI_INDEX,
    OCI_MANIFEST,
    Registries,
    Remote,
    named,
    with_digest,
)
from boxship.cli.session import Cli
from boxship.client import jsontext
from boxship.errors import NotFoundError
from boxship.reference import Reference, is_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Json = dict[str, Any]

USAGE = "[OPTIONS] [SOURCE...]"
ARGS: tuple[int, int | None] = (0, None)
FLAGS = (
    Flag("annotation", "", "list", "Add annotation to the image", shown="stringArray"),
    Flag("append", "", "bool", "Append to existing manifest"),
    Flag("builder", "", "string", "Override the configured builder instance"),
    Flag("dry-run", "", "bool", "Show final image instead of pushing"),
    Flag("file", "f", "list", "Read source descriptor from file", shown="stringArray"),
    Flag("metadata-file", "", "string", "Write create result metadata to a file"),
    Flag(
        "platform", "p", "list", "Filter specified platforms of target image", shown="stringArray"
    ),
    Flag(
        "prefer-index",
        "",
        "bool",
        "When only a single source is specified, prefer outputting an image index or manifest list "
        "instead of performing a carbon copy",
        default=True,
    ),
    Flag(
        "progress",
        "",
        "string",
        'Set type of progress output ("auto", "plain", "tty", "quiet", "none")',
        default="auto",
    ),
    Flag("tag", "t", "list", "Set reference for new image", shown="stringArray"),
)


class _Source:
    """A manifest or index that goes into the new image, and the entries it gives."""

    def __init__(self, found: Remote, entries: "list[Json]") -> None:
        self.found = found
        self.entries = entries


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Make an index of manifests that registries have, and store it under tags."""
    tags = [named(text) for text in flags.items("tag")]
    texts = [_spelled_out(text, tags) for text in (*_contents(flags.items("file")), *args)]
    if not texts:
        raise CliError("no sources specified")
    if not (tags or flags.on("dry-run")):
        raise CliError("can't push with no tags specified, please set --tag or --dry-run")
    registries = Registries(cli)
    sources = _appended(registries, flags, tags)
    sources += [_source(registries, named(text)) for text in texts]
    media_type, data = _combine(flags, sources)
    if flags.on("dry-run"):
        cli.print(data.decode())
        return 0
    progress = PlainProgress(flags.text("progress"), cli.warn)
    for tag in tags:
        with progress.step(f"[internal] pushing {tag}") as step:
            _push(step, registries, tag, sources, (media_type, data))
    _write_metadata(flags, tags, media_type, data)
    return 0


def _contents(paths: list[str]) -> list[str]:
    """Sources out of files."""
    found = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            found.append(file.read().strip())
    return found


def _spelled_out(text: str, tags: list[Reference]) -> str:
    """A source's name; a digest, or a descriptor, is of what the target's repository has."""
    digest = text
    if text.startswith("{"):
        digest = str(jsontext.loads(text).get("digest") or "")
    elif not is_digest(text):
        return text
    if not tags or not digest:
        raise CliError(f"{text}: a descriptor needs a digest, and --tag to tell its repository")
    return f"{tags[0].name}@{digest}"


def _appended(registries: Registries, flags: Flags, tags: list[Reference]) -> list[_Source]:
    if not flags.on("append"):
        return []
    try:
        return [_source(registries, tag) for tag in tags[:1]]
    except NotFoundError:
        return []


def _source(registries: Registries, name: Reference) -> _Source:
    found = registries.fetch(name)
    if found.is_index:
        return _Source(found, list(found.document.get("manifests") or []))
    return _Source(found, [found.descriptor(registries.platform(found))])


def _combine(flags: Flags, sources: list[_Source]) -> tuple[str, bytes]:
    """The new image: a source as it is, or an index of all entries, each once."""
    platforms, annotations = flags.items("platform"), flags.items("annotation")
    first = sources[0].found
    is_copy = first.is_index or not flags.on("prefer-index")
    if len(sources) == 1 and is_copy and not (platforms or annotations):
        return first.media_type, first.data
    entries: dict[str, Json] = {}
    for one in (entry for source in sources for entry in source.entries):
        entries[one["digest"]] = {**entries.get(one["digest"], {}), **one}
    chosen = [one for one in entries.values() if _is_wanted(one, platforms, list(entries.values()))]
    if not chosen:
        raise CliError(f"none of the sources is for {', '.join(platforms)}")
    is_oci = any(one["mediaType"] in (OCI_MANIFEST, OCI_INDEX) for one in chosen)
    media_type = OCI_INDEX if is_oci or annotations else DOCKER_LIST
    document: Json = {"schemaVersion": 2, "mediaType": media_type, "manifests": chosen}
    kept = {} if len(sources) > 1 else dict(first.document.get("annotations") or {})
    if table := kept | _index_annotations(annotations, chosen):
        document["annotations"] = table
    return media_type, jsontext.dumps_indented(document, "  ").encode()


def _is_wanted(one: "Json", platforms: list[str], everything: "list[Json]") -> bool:
    """Whether an entry, or the one that it attests, is for a wanted platform."""
    if not platforms:
        return True
    attested = (one.get("annotations") or {}).get("vnd.docker.reference.digest")
    about = next((other for other in everything if other["digest"] == attested), one)
    platform = about.get("platform") or {}
    names = ("os", "architecture", "variant")
    shown = "/".join(str(platform[name]) for name in names if platform.get(name))
    return shown in {item.strip() for text in platforms for item in text.split(",")}


def _index_annotations(texts: list[str], entries: "list[Json]") -> dict[str, str]:
    """Set ``manifest-descriptor[platform]:key=value`` on entries; return the index's own."""
    own = {}
    for text in texts:
        key, equals, value = text.partition("=")
        kind, colon, rest = key.rpartition(":")
        name = rest if colon and "=" not in kind else key
        if not equals or not name:
            raise CliError(f'invalid annotation "{text}": write [TYPE:]KEY=VALUE')
        if kind in ("", "index"):
            own[name] = value
        elif kind.partition("[")[0] == "manifest-descriptor":
            wanted = kind.partition("[")[2].rstrip("]")
            for one in entries:
                if not wanted or _is_wanted(one, [wanted], entries):
                    one["annotations"] = {**(one.get("annotations") or {}), name: value}
        else:
            raise CliError(
                f'annotation type "{kind}" is not possible here: a manifest of a registry is not '
                "changed; use index: or manifest-descriptor:"
            )
    return own


def _push(
    step: Step,
    registries: Registries,
    tag: Reference,
    sources: list[_Source],
    image: tuple[str, bytes],
) -> None:
    listed = jsontext.loads(image[1]).get("manifests") or []
    wanted = {one["digest"] for one in listed}
    for source in sources:
        if source.found.name.name == tag.name:
            continue
        step.log(f"copying {source.found.digest} from {source.found.name} to {tag}")
        if source.found.data == image[1]:
            registries.copy(with_digest(source.found.name, source.found.digest), _untagged(tag))
            continue
        for one in source.entries:
            if one["digest"] in wanted:
                registries.copy(with_digest(source.found.name, one["digest"]), _untagged(tag))
    step.log(f"pushing {_digest(image[1])} to {tag}")
    registries.put(tag, *image)


def _untagged(tag: Reference) -> Reference:
    return Reference(tag.domain, tag.path)


def _digest(data: bytes) -> str:
    import hashlib

    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _write_metadata(flags: Flags, tags: list[Reference], media_type: str, data: bytes) -> None:
    path = flags.text("metadata-file")
    if not path:
        return
    descriptor = {
        "mediaType": media_type,
        "digest": _digest(data),
        "size": len(data),
    }
    names = ",".join(map(str, tags))
    document = {"containerimage.descriptor": descriptor, "image.name": names}
    with open(path, "w", encoding="utf-8") as file:
        file.write(jsontext.dumps_indented(document, "  ") + "\n")
