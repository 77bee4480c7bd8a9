"""``boxship image ls-files``."""

from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.cli.tables import align, template
from boxship.client import jsontext
from boxship.client.calls.image_extras import image_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Json = Mapping[str, Any]

USAGE = "[OPTIONS] IMAGE [PATH]"
ARGS: tuple[int, int | None] = (1, 2)
FLAGS = (
    Flag("format", "", "string", 'Format each file: "json" or a Go template'),
    Flag(
        "layers", "", "bool", "Show layers, with the versions that they hide and what they remove"
    ),
    Flag("long", "l", "bool", "Show mode, owner, size and time"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the files of an image, sorted."""
    layers = flags.on("layers")
    path = args[1] if len(args) > 1 else ""
    listing = cli.json(image_files(args[0], path, layers=layers))
    text = flags.text("format")
    if text == "json":
        cli.write("".join(jsontext.dumps(file) + "\n" for file in listing["Files"]))
    elif text:
        render = template(text)
        cli.write("".join(render(file) + "\n" for file in listing["Files"]))
    elif layers or flags.on("long"):
        rows = [_row(file, long=flags.on("long"), layers=layers) for file in listing["Files"]]
        cli.write(align(rows, 1))
    else:
        cli.write("".join(f"{file['Path']}\n" for file in listing["Files"]))
    return 0


def _row(file: "Json", *, long: bool, layers: bool) -> list[str]:
    """The cells of a line; marks: ``-`` removed by the layer, ``h`` hidden by a higher one."""
    state = file["State"]
    cells: list[str] = []
    if layers:
        mark = "-" if state is None else "h" if file["Hidden"] else " "
        cells.append(f"{file['Layer']}{mark}")
    if long and state is None:
        cells += [" " * 10, "", "", ""]
    elif long:
        owner = f"{state['Uid']}:{state['Gid']}"
        cells += [state["Mode"], owner, str(state["Size"]), state["Modified"][:19] + "Z"]
    link = f" -> {state['Link']}" if long and state and state.get("Link") else ""
    return [*cells, file["Path"] + link]
