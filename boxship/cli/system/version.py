"""``boxship version``."""

import time

from boxship import __version__, units
from boxship.cli.build_info import commit
from boxship.cli.flags import Flag, Flags
from boxship.cli.session import Cli
from boxship.client.calls.system import system_version
from boxship.errors import BoxshipError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Json = Mapping[str, Any]

USAGE = "[OPTIONS]"
ARGS: tuple[int, int | None] = (0, 0)
FLAGS = (
    Flag(
        "format",
        "f",
        "string",
        "Format output using a custom template: 'json' or a Go template",
    ),
)
_ENGINE_ROWS = (
    ("Version", "Version"),
    ("ApiVersion", "API version"),
    ("PythonVersion", "Python version"),
    ("GoVersion", "Go version"),
    ("GitCommit", "Git commit"),
    ("BuildTime", "Built"),
    ("Os", "OS/Arch"),
    ("Experimental", "Experimental"),
)


def run(cli: Cli, flags: Flags, args: list[str]) -> int:
    """Print the versions of client and server."""
    failure: BoxshipError | None = None
    server: Json | None = None
    try:
        server = cli.json(system_version())
    except BoxshipError as error:
        failure = error
    client = _client(cli)
    text = flags.text("format")
    if text:
        from boxship.cli.inspecting import render_one

        cli.write(render_one({"Client": client, "Server": server}, text))
    else:
        cli.write(_client_text(client) + (_server_text(server) if server else ""))
    if failure is not None:
        raise failure
    return 0


def _client(cli: Cli) -> "dict[str, Any]":
    import os
    import sys

    machine = os.uname().machine
    return {
        "Platform": {"Name": "Boxship"},
        "Version": __version__,
        "ApiVersion": cli.client.api_version,
        "DefaultAPIVersion": cli.client.api_version,
        "GitCommit": commit(),
        "PythonVersion": ".".join(str(part) for part in sys.version_info[:3]),
        "Os": "linux",
        "Arch": _ARCHITECTURES.get(machine, machine),
        "Context": "default",
    }


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def _client_text(client: "Json") -> str:
    rows = [
        ("Version", client["Version"]),
        ("API version", client["ApiVersion"]),
        ("Python version", client["PythonVersion"]),
        ("Git commit", client["GitCommit"]),
        ("OS/Arch", f"{client['Os']}/{client['Arch']}"),
        ("Context", client["Context"]),
    ]
    return "Client:\n" + _rows(" ", rows)


def _server_text(server: "Json") -> str:
    name = (server.get("Platform") or {}).get("Name") or ""
    text = f"\nServer: {name}".rstrip() + "\n"
    components = server.get("Components") or [
        {"Name": "Engine", "Version": server.get("Version", ""), "Details": server}
    ]
    for component in components:
        details = component.get("Details") or {}
        engine = component["Name"] == "Engine"
        rows = _engine_rows(component, details) if engine else _component_rows(component, details)
        text += f" {component['Name']}:\n" + _rows("  ", rows)
    return text


def _engine_rows(component: "Json", details: "Json") -> list[tuple[str, str]]:
    known = {**details, "Version": component.get("Version", "")}
    least = details.get("MinAPIVersion")
    known["ApiVersion"] = f"{details.get('ApiVersion', '')}" + (
        f" (minimum version {least})" if least else ""
    )
    known["Os"] = f"{details.get('Os', '')}/{details.get('Arch', '')}"
    known["BuildTime"] = _built(str(details.get("BuildTime") or ""))
    known["Experimental"] = str(details.get("Experimental", "false")).lower()
    return [(title, str(known[key])) for key, title in _ENGINE_ROWS if known.get(key)]


def _component_rows(component: "Json", details: "Json") -> list[tuple[str, str]]:
    rows = [("Version", str(component.get("Version", "")))]
    return rows + [(key, str(details[key])) for key in ("GitCommit",) if key in details]


def _built(text: str) -> str:
    """The time of the build as Go's ANSIC prints it, or the text if it is no timestamp."""
    try:
        return time.asctime(time.gmtime(units.parse_rfc3339(text) // units.SECOND))
    except BoxshipError:
        return text


def _rows(indent: str, rows: list[tuple[str, str]]) -> str:
    width = 20 - len(indent)
    return "".join(f"{indent}{(title + ':').ljust(width)}{value}\n" for title, value in rows)
