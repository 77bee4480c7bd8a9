"""dpkg's own record of what is installed, for trees in which dpkg has not run."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from boxship.engine.images.bootstrap.deb import Control
from boxship.engine.images.bootstrap.finish import place_in

_FIELDS_LEFT_OUT = frozenset({"Package", "Status", "Conffiles"})


def write_database(
    root: Path, controls: Sequence[Control], listed: Mapping[str, list[str]]
) -> None:
    """Record packages as installed, sorted by name. [blocking]

    listed: package → the absolute paths of its files.
    """
    database = place_in(root, "var/lib/dpkg/status").parent
    info = place_in(root, "var/lib/dpkg/info/format").parent
    info.mkdir(parents=True, exist_ok=True)
    stanzas = [_stanza(root, control) for control in controls]
    (database / "status").write_text("".join(f"{stanza}\n" for stanza in stanzas))
    (database / "available").touch()
    (info / "format").write_text("1\n")
    for control in controls:
        name = _info_name(control)
        paths = listed.get(control.package, [])
        (info / f"{name}.list").write_text("".join(f"{path}\n" for path in paths))
        for kind, content in control.files.items():
            path = info / f"{name}.{kind}"
            path.write_bytes(content)
            is_script = kind in ("preinst", "postinst", "prerm", "postrm", "config")
            path.chmod(0o755 if is_script else 0o644)


def _info_name(control: Control) -> str:
    """Packages that several architectures may have side by side are named with theirs."""
    if control.fields.get("Multi-Arch") == "same":
        return f"{control.package}:{control.fields['Architecture']}"
    return control.package


def _stanza(root: Path, control: Control) -> str:
    lines = [f"Package: {control.package}", "Status: install ok installed"]
    lines += [
        f"{key}: {value}" for key, value in control.fields.items() if key not in _FIELDS_LEFT_OUT
    ]
    if control.conffiles:
        lines.append("Conffiles:")
        lines += [f" {path} {_md5(place_in(root, path[1:]))}" for path in control.conffiles]
    return "\n".join(lines) + "\n"


def _md5(path: Path) -> str:
    try:
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    except OSError:
        return "newconffile"
