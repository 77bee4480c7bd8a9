"""Operations on images. registry_auth: value of ``X-Registry-Auth`` (base64url of JSON)."""

from boxship.client.core import Call, encode_filters, quote_path
from boxship.errors import InvalidParameterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from boxship.client.core import QueryValue

    Filters = Mapping[str, list[str]]
    Query = Mapping[str, QueryValue]


_SYSTEMS = frozenset({"linux", "windows", "darwin", "freebsd", "wasi", "wasip1"})


def _auth(registry_auth: str) -> dict[str, str]:
    return {"X-Registry-Auth": registry_auth} if registry_auth else {}


def platform_query(platform: str) -> str | None:
    """``os/architecture[/variant]`` as the JSON that some operations take.

    Raises InvalidParameterError.
    """
    if not platform:
        return None
    from boxship.client import jsontext

    parts = platform.lower().split("/")
    if len(parts) > 3 or not all(parts):
        raise InvalidParameterError(
            f'"{platform}": cannot parse platform specifier: use os[/architecture[/variant]]'
        )
    if len(parts) == 1 and parts[0] not in _SYSTEMS:
        parts.insert(0, "linux")
    system, _, version = parts[0].partition("(")
    words = dict(zip(("os", "architecture", "variant"), (system, *parts[1:]), strict=False))
    if version:
        words["os.version"] = version.removesuffix(")")
    return jsontext.dumps(words)


def image_list(
    *,
    all: bool = False,  # noqa: A002 - the API's own word
    digests: bool = False,
    manifests: bool = False,
    filters: "Filters | None" = None,
) -> Call:
    """Images as a JSON list. manifests: with those that each one's index lists."""
    query = {
        "all": all or None,
        "digests": digests or None,
        "manifests": manifests or None,
        "filters": encode_filters(filters),
    }
    return Call("GET", "/images/json", query)


def image_inspect(ref: str, platform: str = "") -> Call:
    """One image as a JSON document."""
    return Call("GET", f"/images/{quote_path(ref)}/json", {"platform": platform_query(platform)})


def image_history(ref: str, platform: str = "") -> Call:
    """Its history as a JSON list."""
    query = {"platform": platform_query(platform)}
    return Call("GET", f"/images/{quote_path(ref)}/history", query)


def image_pull(name: str, tag: str = "", *, platform: str = "", registry_auth: str = "") -> Call:
    """Pull; JSON messages. tag: tag or digest, empty for all tags."""
    query = {"fromImage": name, "tag": tag or None, "platform": platform or None}
    return Call("POST", "/images/create", query, headers=_auth(registry_auth))


def image_push(name: str, tag: str = "", *, platform: str = "", registry_auth: str = "") -> Call:
    """Push; JSON messages. tag empty: all tags."""
    query = {"tag": tag or None, "platform": platform_query(platform)}
    path = f"/images/{quote_path(name)}/push"
    return Call("POST", path, query, headers=_auth(registry_auth or "e30="))


def image_import(
    source: str,
    *,
    repo: str = "",
    tag: str = "",
    message: str = "",
    changes: "list[str] | None" = None,
    platform: str = "",
    tar: "Iterable[bytes] | None" = None,
) -> Call:
    """Make an image of a file system. source: URL, or ``-`` with the tar as body."""
    query: Query = {
        "fromSrc": source,
        "repo": repo or None,
        "tag": tag or None,
        "message": message or None,
        "changes": changes,
        "platform": platform or None,
    }
    return Call("POST", "/images/create", query, body=tar)


def image_load(tar: "Iterable[bytes]", *, quiet: bool, platforms: "list[str]") -> Call:
    """Load archives; JSON messages."""
    query: Query = {"quiet": quiet, "platform": [platform_query(item) or "" for item in platforms]}
    return Call("POST", "/images/load", query, body=tar)


def image_save(names: list[str], platforms: "list[str]") -> Call:
    """Several images as one tar stream."""
    platform = [platform_query(item) or "" for item in platforms]
    return Call("GET", "/images/get", {"names": names, "platform": platform})


def image_tag(source: str, repo: str, tag: str) -> Call:
    """Give another name."""
    return Call("POST", f"/images/{quote_path(source)}/tag", {"repo": repo, "tag": tag or None})


def image_remove(
    ref: str, *, force: bool = False, no_prune: bool = False, platforms: "list[str] | None" = None
) -> Call:
    """Remove; answers a list of ``{"Untagged"}`` and ``{"Deleted"}``."""
    query: Query = {
        "force": force or None,
        "noprune": no_prune or None,
        "platforms": [platform_query(item) or "" for item in platforms or []],
    }
    return Call("DELETE", f"/images/{quote_path(ref)}", query)


def image_prune(filters: "Filters | None" = None) -> Call:
    """Remove unused ones; answers ``{"ImagesDeleted", "SpaceReclaimed"}``."""
    return Call("POST", "/images/prune", {"filters": encode_filters(filters)})


def image_search(
    term: str,
    *,
    limit: int | None = None,
    filters: "Filters | None" = None,
    registry_auth: str = "",
) -> Call:
    """Search the registry."""
    query = {"term": term, "limit": limit, "filters": encode_filters(filters)}
    return Call("GET", "/images/search", query, headers=_auth(registry_auth))


def distribution_inspect(ref: str, registry_auth: str = "") -> Call:
    """What the registry holds under a name: ``{"Descriptor", "Platforms"}``."""
    return Call("GET", f"/distribution/{quote_path(ref)}/json", headers=_auth(registry_auth))
