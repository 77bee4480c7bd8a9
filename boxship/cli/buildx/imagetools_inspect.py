"""``boxship buildx imagetools inspect``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.remote import Registries, Remote, named, with_digest
from boxship.cli.session import Cli
from boxship.client import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from boxship.reference import Reference

    Json = dict[str, Any]

USAGE = "[OPTIONS] NAME"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    Flag("builder", "", "string", "Override the configured builder instance"),
    Flag("format", "", "string", "Format the output using the given Go template"),
    Flag("raw", "", "bool", "Show original, unformatted JSON manifest"),
)
_UNKNOWN = "unknown/unknown"
_KEPT = ("manifests", "annotations")


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print what a registry has under a name."""
    registries = Registries(cli)
    found = registries.fetch(named(args[0]))
    text = flags.text("format")
    if flags.on("raw"):
        cli.write(found.data.decode())  # without a line break, which would change the digest
    elif not text or text.startswith("{{.Manifest}}"):
        cli.write(_overview(found))
    else:
        cli.write(_formatted(registries, found, text, args[0]))
    return 0


def _overview(found: Remote) -> str:
    text = _columns(
        [
            ("Name:", str(found.name)),
            ("MediaType:", found.media_type),
            ("Digest:", found.digest),
        ]
    )
    if not found.is_index:
        return text
    text += _columns([("", ""), ("Manifests:", "")])
    pending: list[tuple[str, str]] = []
    for position, one in enumerate(found.document.get("manifests") or []):
        pending += [("", "")] if position else []
        pending += _entry(found.name, one)
        if annotations := one.get("annotations"):
            text += _columns([*pending, ("  Annotations:", "")])
            text += _columns([(f"    {key}:", annotations[key]) for key in sorted(annotations)])
            pending = []
    return text + _columns(pending)


def _entry(name: "Reference", one: "Json") -> list[tuple[str, str]]:
    lines = [
        ("  Name:", str(with_digest(name, one["digest"]))),
        ("  MediaType:", one["mediaType"]),
    ]
    platform = one.get("platform") or {}
    if platform:
        lines.append(("  Platform:", _platform(platform)))
    if platform.get("os.version"):
        lines.append(("  OSVersion:", platform["os.version"]))
    if platform.get("os.features"):
        lines.append(("  OSFeatures:", ", ".join(platform["os.features"])))
    if one.get("urls"):
        lines.append(("  URLs:", ", ".join(one["urls"])))
    return lines


def _platform(platform: "Json") -> str:
    names = ("os", "architecture", "variant")
    return "/".join(str(platform[name]) for name in names if platform.get(name))


def _columns(lines: list[tuple[str, str]]) -> str:
    """Two columns with one blank between, as Go's tabwriter makes them."""
    width = max((len(head) for head, _ in lines), default=0) + 1
    return "".join(f"{head.ljust(width)}{text}\n" for head, text in lines)


def _formatted(registries: Registries, found: Remote, text: str, name: str) -> str:
    from boxship.cli.tables import template

    data = {"name": name, "manifest": _manifest(found), "image": _image(registries, found, text)}
    words = text.replace("{{", "").replace("}}", "").split()
    if len(words) == 2 and words[0] == "json" and text.count("{{") == 1:
        value = data if words[1] == "." else _lookup(data, words[1])
        return jsontext.dumps_indented(value, "  ")
    return template(text)(_go_names(data))


def _manifest(found: Remote) -> "Json":
    if not found.is_index:
        return found.descriptor()
    document = found.document
    kept: Json = {name: document[name] for name in _KEPT if name in document}
    return {
        "schemaVersion": document.get("schemaVersion", 2),
        "mediaType": found.media_type,
        "digest": found.digest,
        "size": len(found.data),
        **kept,
    }


def _image(registries: Registries, found: Remote, text: str) -> "Json":
    """The configuration, or those of an index by platform; only fetched when asked for."""
    if ".Image" not in text and "json ." not in text:
        return {}
    if not found.is_index:
        return registries.config(found)
    images: Json = {}
    for one in found.document.get("manifests") or []:
        platform = _platform(one.get("platform") or {})
        if platform and platform != _UNKNOWN:
            images[platform] = registries.config(registries.member(found, one["digest"]))
    return images if len(images) > 1 else next(iter(images.values()), {})


def _lookup(data: "Json", path: str) -> "Any":
    from boxship.cli.errors import CliError

    found: Any = data
    for word in path.strip(".").split("."):
        names = {_go_name(key): key for key in found} if isinstance(found, dict) else {}
        if word not in names:
            raise CliError(f"template: there is no {word} in {path}")
        found = found[names[word]]
    return found


def _go_names(value: "Any") -> "Any":
    """JSON's keys as the fields of Go's structs, which templates name."""
    if isinstance(value, dict):
        return {_go_name(key): _go_names(item) for key, item in value.items()}
    return [_go_names(item) for item in value] if isinstance(value, list) else value


def _go_name(key: str) -> str:
    special = {"os": "OS", "os.version": "OSVersion", "os.features": "OSFeatures", "urls": "URLs"}
    if key in special:
        return special[key]
    if "/" in key or "." in key:
        return key
    name = "".join(word[:1].upper() + word[1:] for word in key.split("_"))
    return "RootFS" if name == "Rootfs" else name
