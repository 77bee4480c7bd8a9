"""What a path of the registry means. Names contain slashes, so paths are read from their ends."""

from typing import NamedTuple


class Target(NamedTuple):
    """kind: ``base``, ``catalog``, ``tags``, ``listing``, ``manifest``, ``blob``, ``uploads``,
    ``upload``, ``referrers``. reference: the last part, where there is one."""

    kind: str
    name: str = ""
    reference: str = ""


_BY_PARENT = {"manifests": "manifest", "blobs": "blob", "referrers": "referrers"}


def parse_path(path: str) -> Target | None:
    """Find out what a decoded path names; None: nothing. Names are not checked here."""
    parts = path.split("/")
    if parts[:2] != ["", "v2"]:
        return None
    rest = parts[2:]
    if rest in ([], [""]):
        return Target("base")
    if rest == ["_catalog"]:
        return Target("catalog")
    if rest[:2] == ["_boxship", "repositories"]:
        return Target("listing", "/".join(rest[2:-1])) if rest[-1] == "tags" else None
    return _in_repository(rest)


def _in_repository(rest: list[str]) -> Target | None:
    if len(rest) > 2 and rest[-2:] == ["tags", "list"]:
        return Target("tags", "/".join(rest[:-2]))
    if len(rest) > 2 and rest[-2:] == ["blobs", "uploads"]:
        return Target("uploads", "/".join(rest[:-2]))
    if len(rest) > 3 and rest[-3:-1] == ["blobs", "uploads"]:
        kind = "upload" if rest[-1] else "uploads"
        return Target(kind, "/".join(rest[:-3]), rest[-1])
    if len(rest) > 2 and rest[-2] in _BY_PARENT and rest[-1]:
        return Target(_BY_PARENT[rest[-2]], "/".join(rest[:-2]), rest[-1])
    return None
