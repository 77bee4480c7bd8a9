"""Operations on volumes."""

from boxship.client.core import Call, encode_filters, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Filters = Mapping[str, list[str]]


def volume_list(filters: "Filters | None" = None) -> Call:
    """``{"Volumes", "Warnings"}``."""
    return Call("GET", "/volumes", {"filters": encode_filters(filters)})


def volume_inspect(name: str) -> Call:
    """One volume as a JSON document."""
    return Call("GET", f"/volumes/{quote(name)}")


def volume_create(body: "Mapping[str, Any]") -> Call:
    """Create; answers the volume."""
    return Call("POST", "/volumes/create", json=body)


def volume_remove(name: str, *, force: bool = False) -> Call:
    """Remove. force: a missing one is no error."""
    return Call("DELETE", f"/volumes/{quote(name)}", {"force": force or None})


def volume_prune(filters: "Filters | None" = None) -> Call:
    """Remove unused ones; answers ``{"VolumesDeleted", "SpaceReclaimed"}``."""
    return Call("POST", "/volumes/prune", {"filters": encode_filters(filters)})
