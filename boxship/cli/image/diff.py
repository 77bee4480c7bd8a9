"""``boxship image diff``."""

from boxship.cli import human
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import align, template
from boxship.client import jsontext
from boxship.client.calls.image_extras import image_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    Json = Mapping[str, Any]

USAGE = "[OPTIONS] IMAGE IMAGE"
ARGS: tuple[int, int | None] = (2, 2)
FLAGS = (
    Flag("config", "", "bool", "Show the configuration only"),
    Flag("files", "", "bool", "Show the files only"),
    Flag("format", "", "string", 'Format the output: "json" or a Go template'),
    Flag("packages", "", "bool", "Show the packages only"),
    Flag("size", "", "bool", "Show the sizes only"),
)
_PARTS = ("size", "config", "packages", "files")


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print what turns the first image into the second."""
    found = cli.json(image_diff(args[0], args[1]))
    wanted = [part for part in _PARTS if flags.on(part)] or list(_PARTS)
    text = flags.text("format")
    if text == "json":
        cli.print(jsontext.dumps(_chosen(found, wanted)))
    elif text:
        cli.print(template(text)(found))
    else:
        cli.write("\n".join(filter(None, (_SHOWN[part](found) for part in wanted))))
    return 0


def _chosen(found: "Json", wanted: list[str]) -> "dict[str, Any]":
    keys = {"config": "Config", "packages": "Packages", "files": "Files"}
    kept = {"Before", "After"} | {keys[part] for part in wanted if part in keys}
    return {key: value for key, value in found.items() if key in kept}


def _sizes(found: "Json") -> str:
    before, after = found["Before"], found["After"]
    lines = [["SIZE", "BEFORE", "AFTER", "CHANGE"]]
    change = after["Size"] - before["Size"]
    lines.append(["total", human.size(before["Size"]), human.size(after["Size"]), _signed(change)])
    layers: list[list[str]] = [["LAYER", "SIZE", "IN", "CREATED BY"]]
    for side, name in ((before, "before"), (after, "after")):
        for layer in side["Layers"]:
            if layer["Shared"] and name == "after":
                continue
            where = "both" if layer["Shared"] else name
            made = human.ellipsis(layer["CreatedBy"].replace("\t", " "), 45)
            layers.append([human.short_id(layer["DiffID"]), human.size(layer["Size"]), where, made])
    return align(lines) + "\n" + align(layers)


def _signed(size: int) -> str:
    return f"{'-' if size < 0 else '+'}{human.size(abs(size))}"


def _config(found: "Json") -> str:
    if not found["Config"]:
        return ""
    rows = [[one["Field"], _set(one["Before"]), _set(one["After"])] for one in found["Config"]]
    return align([["CONFIG", "BEFORE", "AFTER"], *rows])


def _set(value: "str | None") -> str:
    return "-" if value is None else value


def _packages(found: "Json") -> str:
    if not found["Packages"]:
        return ""
    rows = [
        [one["Name"], one["Kind"], one["Before"] or "-", one["After"] or "-"]
        for one in found["Packages"]
    ]
    return align([["PACKAGE", "KIND", "BEFORE", "AFTER"], *rows])


def _files(found: "Json") -> str:
    return "".join(f"{line}\n" for file in found["Files"] for line in _file(file))


def _file(file: "Json") -> "Iterator[str]":
    before, after = file["Before"], file["After"]
    if before is None:
        yield f"A {file['Path']}{_size_of(after)}"
    elif after is None:
        yield f"D {file['Path']}{_size_of(before)}"
    else:
        yield f"C {file['Path']} ({'; '.join(_changes(file['Changed'], before, after))})"


def _size_of(state: "Json") -> str:
    return f" ({human.size(state['Size'])})" if state["Size"] else ""


def _changes(names: list[str], before: "Json", after: "Json") -> "Iterator[str]":
    for name in names:
        if name in ("mode", "kind"):
            yield f"{name} {before['Mode']} → {after['Mode']}"
        elif name == "owner":
            yield (f"owner {before['Uid']}:{before['Gid']} → {after['Uid']}:{after['Gid']}")
        elif name == "size":
            yield f"size {human.size(before['Size'])} → {human.size(after['Size'])}"
        elif name == "link":
            yield f"link {before.get('Link', '')} → {after.get('Link', '')}"
        else:
            yield name


_SHOWN = {"size": _sizes, "config": _config, "packages": _packages, "files": _files}
