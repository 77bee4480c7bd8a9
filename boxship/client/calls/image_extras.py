"""Operations on images that only Boxship has (docs/api-extensions.md)."""

from boxship.client.core import Call, quote_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def image_diff(before: str, after: str) -> Call:
    """What differs between two images."""
    return Call("GET", f"/boxship/images/{quote_path(before)}/diff", {"with": after})


def image_files(ref: str, path: str = "", *, layers: bool = False) -> Call:
    """The files of an image; layers: also what is hidden."""
    query = {"path": path or None, "layers": layers or None}
    return Call("GET", f"/boxship/images/{quote_path(ref)}/files", query)


def image_waste(ref: str, *, min_size: int = 0) -> Call:
    """What its layers hide. min_size: bytes of the smallest file to be listed."""
    query = {"min-size": min_size or None}
    return Call("GET", f"/boxship/images/{quote_path(ref)}/waste", query)


def image_squash(ref: str, base: str, name: str = "") -> Call:
    """Merge the layers above a base; answers ``{"Id"}``."""
    query = {"from": base, "t": name or None}
    return Call("POST", f"/boxship/images/{quote_path(ref)}/squash", query)


def image_mount(ref: str, path: str = "") -> Call:
    """Mount on the engine's host; answers a mount."""
    return Call("POST", f"/boxship/images/{quote_path(ref)}/mount", {"path": path or None})


def image_mounts() -> Call:
    """All mounts as a JSON list."""
    return Call("GET", "/boxship/images/mounts")


def image_unmount(ref: str) -> Call:
    """Undo mounts of an image, or the one at an absolute path; answers those undone."""
    return Call("POST", "/boxship/images/unmount", {"ref": ref})


def image_bootstrap(request: "Mapping[str, Any]") -> Call:
    """Make a base image out of packages; JSON messages, the last has ``aux`` ``{"ID"}``."""
    return Call("POST", "/boxship/images/bootstrap", json=request)
