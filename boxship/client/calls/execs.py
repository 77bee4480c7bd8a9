"""Operations on further processes in a container."""

from boxship.client.core import Call, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def exec_create(ref: str, body: "Mapping[str, Any]") -> Call:
    """Describe a process; answers ``{"Id"}``."""
    return Call("POST", f"/containers/{quote(ref)}/exec", json=body)


def exec_start(exec_id: str, *, detach: bool, tty: bool, size: "list[int] | None" = None) -> Call:
    """Start it; unless detached, the connection becomes its stdio. size: [rows, columns]."""
    body: dict[str, object] = {"Detach": detach, "Tty": tty}
    if size:
        body["ConsoleSize"] = size
    return Call("POST", f"/exec/{quote(exec_id)}/start", json=body, upgrade=not detach)


def exec_inspect(exec_id: str) -> Call:
    """Its state; ``{"Running", "ExitCode", …}``."""
    return Call("GET", f"/exec/{quote(exec_id)}/json")


def exec_resize(exec_id: str, *, rows: int, columns: int) -> Call:
    """Set its terminal's size."""
    return Call("POST", f"/exec/{quote(exec_id)}/resize", {"h": rows, "w": columns})
