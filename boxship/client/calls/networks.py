"""Operations on networks."""

from boxship.client.core import Call, encode_filters, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Json = Mapping[str, Any]
    Filters = Mapping[str, list[str]]


def network_list(filters: "Filters | None" = None) -> Call:
    """Networks as a JSON list."""
    return Call("GET", "/networks", {"filters": encode_filters(filters)})


def network_inspect(ref: str, *, verbose: bool = False, scope: str = "") -> Call:
    """One network as a JSON document."""
    query = {"verbose": verbose or None, "scope": scope or None}
    return Call("GET", f"/networks/{quote(ref)}", query)


def network_explain(container: str, port: int, protocol: str) -> Call:
    """From where a container's port is reached (docs/api-extensions.md)."""
    query: Mapping[str, str | int] = {"container": container, "port": port, "protocol": protocol}
    return Call("GET", "/boxship/networks/explain", query)


def network_create(body: "Json") -> Call:
    """Create; answers ``{"Id", "Warning"}``."""
    return Call("POST", "/networks/create", json=body)


def network_remove(ref: str) -> Call:
    """Remove."""
    return Call("DELETE", f"/networks/{quote(ref)}")


def network_connect(ref: str, container: str, endpoint: "Json | None" = None) -> Call:
    """Connect a container. endpoint: EndpointConfig."""
    body = {"Container": container, "EndpointConfig": endpoint}
    return Call("POST", f"/networks/{quote(ref)}/connect", json=body)


def network_disconnect(ref: str, container: str, *, force: bool = False) -> Call:
    """Disconnect a container."""
    body = {"Container": container, "Force": force}
    return Call("POST", f"/networks/{quote(ref)}/disconnect", json=body)


def network_prune(filters: "Filters | None" = None) -> Call:
    """Remove unused ones; answers ``{"NetworksDeleted"}``."""
    return Call("POST", "/networks/prune", {"filters": encode_filters(filters)})
