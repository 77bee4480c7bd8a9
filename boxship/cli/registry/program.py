"""The registry is a program of its own: its commands become that program."""

import os
import sys

from boxship.cli.flags import Flag, Flags

_PACKAGE_PARENT = os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
)
ROOT = Flag(
    "root",
    "",
    "string",
    "Directory that holds the registry",
    default="/var/lib/boxship/registry",
)
COMMON = (
    ROOT,
    Flag(
        "grace",
        "",
        "string",
        "Never remove what is younger: its manifest may be on the way",
        default="1h",
        shown="duration",
    ),
    Flag(
        "upload-lifetime",
        "",
        "string",
        "Drop uploads that nobody went on with for so long",
        default="168h",
        shown="duration",
    ),
    Flag("untagged", "", "bool", "Also remove manifests that no tag leads to"),
)


def run_program(command: str, flags: Flags, known: "tuple[Flag, ...]") -> int:
    """Replace this process by the registry's program; it gets the flags that were given."""
    arguments = [command]
    for flag in known:
        if not flags.changed(flag.name):
            continue
        if flag.kind == "bool":
            arguments += [f"--{flag.name}"] if flags.on(flag.name) else []
        else:
            arguments.append(f"--{flag.name}={flags.text(flag.name)}")
    sys.stdout.flush()
    code = (
        "import sys; sys.path.append(sys.argv.pop(1));"
        "from boxship.entrypoints.registry import main; sys.exit(main(sys.argv[1:]))"
    )
    os.execv(sys.executable, [sys.executable, "-I", "-c", code, _PACKAGE_PARENT, *arguments])
