"""``boxship image wasted``."""

from boxship.cli import human
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import align, template
from boxship.client import jsontext
from boxship.client.calls.image_extras import image_waste

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Json = Mapping[str, Any]

USAGE = "[OPTIONS] IMAGE"
ARGS: tuple[int, int | None] = (1, 1)
FLAGS = (
    Flag("format", "", "string", 'Format the output: "json" or a Go template'),
    Flag("min-size", "", "bytes", "Leave smaller files out of the list"),
    Flag("no-trunc", "", "bool", "Don't truncate output"),
)
_FILES_SHOWN = 10


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print what each layer hides, what made the layer, and what to do about it."""
    waste = cli.json(image_waste(args[0], min_size=flags.number("min-size")))
    text = flags.text("format")
    if text == "json":
        cli.print(jsontext.dumps(waste))
    elif text:
        cli.print(template(text)(waste))
    else:
        cli.write(_report(waste, no_trunc=flags.on("no-trunc")))
    return 0


def _report(waste: "Json", *, no_trunc: bool) -> str:
    total = (
        f"{human.size(waste['Wasted'])} of {human.size(waste['Total'])} are hidden; "
        f"efficiency {waste['Efficiency'] * 100:.1f}%\n"
    )
    parts = [total, *(_layer(layer, no_trunc=no_trunc) for layer in waste["Layers"])]
    if waste["Advice"]:
        parts.append("".join(f"advice: {advice}\n" for advice in waste["Advice"]))
    return "\n".join(parts)


def _layer(layer: "Json", *, no_trunc: bool) -> str:
    made = layer["CreatedBy"].replace("\t", " ") or "unknown"
    shown = made if no_trunc else human.ellipsis(made, 60)
    head = (
        f"layer {layer['Layer']} ({human.short_id(layer['DiffID'], no_trunc=no_trunc)}) hides "
        f"{human.size(layer['Wasted'])}: {shown}\n"
    )
    files = layer["Files"] if no_trunc else layer["Files"][:_FILES_SHOWN]
    rows = [
        [f"  {human.size(file['Size'])}", file["Kind"], f"layer {file['Layer']}", file["Path"]]
        for file in files
    ]
    left = len(layer["Files"]) - len(files)
    more = f"  and {left} more files\n" if left else ""
    advice = "".join(f"  advice: {advice}\n" for advice in layer["Advice"])
    return head + align(rows) + more + advice
