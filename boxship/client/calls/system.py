"""Operations on the engine as a whole."""

from boxship.client.core import Call, encode_filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    Filters = Mapping[str, list[str]]


def system_ping() -> Call:
    """Is it there; its header fields tell the API version and more."""
    return Call("GET", "/_ping")


def system_version() -> Call:
    """Versions of the engine and its components."""
    return Call("GET", "/version")


def system_info() -> Call:
    """All that ``info`` prints."""
    return Call("GET", "/info")


def system_events(*, since: str = "", until: str = "", filters: "Filters | None" = None) -> Call:
    """Events, one JSON document each. since, until: Unix seconds with a fraction."""
    query = {"since": since or None, "until": until or None, "filters": encode_filters(filters)}
    return Call("GET", "/events", query)


def system_disk_usage(types: "list[str] | None" = None) -> Call:
    """Space taken by images, containers, volumes and build cache."""
    return Call("GET", "/system/df", {"type": types})


def system_auth(credentials: "Mapping[str, str]") -> Call:
    """Try credentials against a registry; answers ``{"Status", "IdentityToken"}``."""
    return Call("POST", "/auth", json=credentials)


def build_prune(*, all: bool = False, filters: "Filters | None" = None) -> Call:  # noqa: A002
    """Empty the build cache; answers ``{"CachesDeleted", "SpaceReclaimed"}``."""
    return Call("POST", "/build/prune", {"all": all or None, "filters": encode_filters(filters)})
