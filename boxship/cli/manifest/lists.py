"""The documents of manifest lists, laid out as docker lays them out."""

from boxship.cli.errors import CliError
from boxship.cli.remote import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST, check_same_registry, named
from boxship.client import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from boxship.reference import Reference

    Json = dict[str, Any]

_PLATFORM_KEYS = ("architecture", "os", "os.version", "os.features", "variant")


def build(target: "Reference", entries: "list[Json]") -> tuple[str, bytes]:
    """A list of entries: its media type and bytes. Raises CliError for another registry's."""
    listed = [_listed(target, one) for one in entries]
    is_oci = bool(listed) and listed[0]["mediaType"] == OCI_MANIFEST
    media_type = OCI_INDEX if is_oci else DOCKER_LIST
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": listed}
    return media_type, jsontext.dumps_indented(document, "   ").encode()


def _listed(target: "Reference", one: "Json") -> "Json":
    check_same_registry(named(one["Ref"]), target)
    descriptor = one["Descriptor"]
    platform = descriptor.get("platform") or {}
    shown = {name: platform[name] for name in _PLATFORM_KEYS if platform.get(name)}
    return {
        "mediaType": descriptor["mediaType"],
        "size": descriptor["size"],
        "digest": descriptor["digest"],
        "platform": {"architecture": "", "os": "", **shown},
    }


def check_platforms(entries: "list[Json]") -> None:
    """Raise CliError for an entry that does not say what it runs on."""
    for one in entries:
        platform = one["Descriptor"].get("platform") or {}
        if not (platform.get("architecture") and platform.get("os")):
            raise CliError(
                f"manifest {one['Ref']} must have an OS and Architecture to be pushed to a registry"
            )
