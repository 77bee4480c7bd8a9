"""Operations on volumes that only Boxship has (docs/api-extensions.md)."""

from boxship.client.core import Call, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


def _path(name: str, rest: str) -> str:
    return f"/boxship/volumes/{quote(name)}/{rest}"


def volume_copy(name: str, body: "Mapping[str, Any]") -> Call:
    """Copy; answers ``{"Volume", "Method", "Paused"}``."""
    return Call("POST", _path(name, "copy"), json=body)


def volume_restore(name: str, source: str) -> Call:
    """Replace the files by copies of another volume's."""
    return Call("POST", _path(name, "restore"), {"from": source})


def volume_rename(name: str, new: str) -> Call:
    """Give it another name; answers the volume."""
    return Call("POST", _path(name, "rename"), {"name": new})


def volume_diff(name: str, other: str) -> Call:
    """What turns one into the other: a list of ``{"Path", "Kind"}``."""
    return Call("GET", _path(name, "diff"), {"with": other})


def volume_archive(name: str, *, pause: bool = False) -> Call:
    """The files as a tar. pause: the containers that use it are held still meanwhile."""
    return Call("GET", _path(name, "archive"), {"pause": pause or None})


def put_volume_archive(name: str, tar: "bytes | Iterable[bytes]") -> Call:
    """Unpack a tar into it; answers the volume."""
    return Call("PUT", _path(name, "archive"), body=tar)
