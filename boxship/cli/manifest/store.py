"""Manifest lists that are being put together: ``manifests/`` below the configuration directory.

A directory for each list, a file for each manifest, as docker keeps them; ``Raw`` are the bytes of
the manifest, from which its digest was taken.
"""

import binascii
import os
import shutil

from boxship.cli.errors import CliError
from boxship.cli.remote import DOCKER_MANIFEST
from boxship.client import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from boxship.cli.remote import Remote
    from boxship.cli.session import Cli
    from boxship.reference import Reference

    Json = dict[str, Any]


def entry(manifest: "Remote", platform: "Json") -> "Json":
    """A manifest as the store and ``manifest inspect --verbose`` show it."""
    kind = "SchemaV2Manifest" if manifest.media_type == DOCKER_MANIFEST else "OCIManifest"
    return {
        "Ref": str(manifest.name),
        "Descriptor": manifest.descriptor(platform),
        "Raw": binascii.b2a_base64(manifest.data, newline=False).decode("ascii"),
        kind: manifest.document,
    }


def raw(one: "Json") -> bytes:
    """An entry's manifest, byte for byte where they are known."""
    if one.get("Raw"):
        return binascii.a2b_base64(one["Raw"])
    document = one.get("SchemaV2Manifest") or one.get("OCIManifest") or {}
    indent = "   " if one.get("SchemaV2Manifest") else "  "
    return jsontext.dumps_indented(document, indent).encode()


class ManifestStore:
    """The user's unfinished manifest lists."""

    def __init__(self, cli: "Cli") -> None:
        self._root = os.path.join(os.path.dirname(cli.config.path), "manifests")

    def get(self, target: "Reference", image: "Reference") -> "Json | None":
        """One manifest of a list, None without it."""
        return self._read(os.path.join(self._place(target), _safe(image)))

    def entries(self, target: "Reference") -> "list[Json] | None":
        """All manifests of a list, None without the list."""
        place = self._place(target)
        try:
            names = sorted(os.listdir(place))
        except (FileNotFoundError, NotADirectoryError):
            return None
        found = [self._read(os.path.join(place, name)) for name in names]
        return [one for one in found if one is not None]

    def save(self, target: "Reference", image: "Reference", one: "Json") -> None:
        """Add a manifest to a list, or replace it."""
        os.makedirs(self._place(target), exist_ok=True)
        path = os.path.join(self._place(target), _safe(image))
        with open(path, "w", encoding="utf-8") as file:
            file.write(jsontext.dumps(one))

    def remove(self, target: "Reference") -> None:
        """Forget a list."""
        shutil.rmtree(self._place(target), ignore_errors=True)

    def _place(self, target: "Reference") -> str:
        return os.path.join(self._root, _safe(target))

    def _read(self, path: str) -> "Json | None":
        try:
            with open(path, "rb") as file:
                found = jsontext.loads(file.read())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise CliError(f"invalid manifest file {path}: {error}; remove it") from error
        return found if isinstance(found, dict) else None


def _safe(name: "Reference") -> str:
    return str(name).replace(":", "%").replace("/", "#")
