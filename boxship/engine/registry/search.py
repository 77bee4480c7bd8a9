"""Searching registries: the classic search where there is one, else the catalog of repositories.

The classic search is Docker Hub's ``/v1/search``; the distribution specification has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec

from boxship.engine.registry.auth import RegistryAuth
from boxship.engine.registry.client import RegistryClient
from boxship.engine.registry.endpoint import check_domain
from boxship.engine.registry.errors import RegistryError, UnreachableError
from boxship.errors import InternalError, InvalidParameterError, NotSupportedError
from boxship.reference import DEFAULT_DOMAIN, Reference
from boxship.units import natural

DEFAULT_LIMIT = 25
MAX_LIMIT = 100
_HUB_INDEX = "index.docker.io"
_CATALOG_PAGE = 1000
_FILTERS = frozenset({"is-automated", "is-official", "stars"})
_NO_SEARCH = frozenset({400, 401, 403, 404, 405, 406, 501})


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchWish:
    """What is looked for."""

    domain: str
    """Registry host."""
    term: str
    limit: int
    min_stars: int = 0
    official: bool | None = None
    automated: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One repository that a search found."""

    name: str
    description: str = ""
    stars: int = 0
    official: bool = False
    automated: bool = False


def wish(term: str, limit: int, filters: Mapping[str, tuple[str, ...]]) -> SearchWish:
    """Read a search's parameters. Raises InvalidParameterError in Docker's words."""
    if not term:
        raise InvalidParameterError("a search needs a term: what is looked for")
    if not 0 <= limit <= MAX_LIMIT:
        raise InvalidParameterError(f"limit {limit} is outside the range of [1, {MAX_LIMIT}]")
    unknown = sorted(filters.keys() - _FILTERS)
    if unknown:
        raise InvalidParameterError(f"invalid filter '{unknown[0]}'")
    domain, rest = _split(term.lower())
    check_domain(domain)
    return SearchWish(
        domain=domain,
        term=rest,
        limit=limit or DEFAULT_LIMIT,
        min_stars=max((_number(value) for value in filters.get("stars", ())), default=0),
        official=_flag(filters, "is-official"),
        automated=_flag(filters, "is-automated"),
    )


def _split(term: str) -> tuple[str, str]:
    first, slash, rest = term.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        domain = DEFAULT_DOMAIN if first in (DEFAULT_DOMAIN, _HUB_INDEX) else first
        return domain, rest.removeprefix("library/") if domain == DEFAULT_DOMAIN else rest
    return DEFAULT_DOMAIN, term


def _number(value: str) -> int:
    number = natural(value)
    if number is None:
        raise InvalidParameterError(f"invalid filter 'stars={value}'")
    return number


def _flag(filters: Mapping[str, tuple[str, ...]], name: str) -> bool | None:
    words = {"1": True, "true": True, "0": False, "false": False}
    for value in filters.get(name, ()):
        if value not in words:
            raise InvalidParameterError(f"invalid filter '{name}={value}'")
        return words[value]
    return None


def search(client: RegistryClient, wanted: SearchWish, auth: RegistryAuth | None) -> list[Found]:
    """Ask a registry; best first. [blocking]

    Raises NotSupportedError for a registry that can neither be searched nor lists what it has,
    InternalError when it cannot be reached.
    """
    try:
        found = _classic(client, wanted, auth)
        if found is None and wanted.domain != DEFAULT_DOMAIN:
            found = _catalog(client, wanted, auth)
    except UnreachableError as error:
        raise InternalError(str(error)) from error
    if found is None:
        raise NotSupportedError(
            f"{wanted.domain} cannot be searched: it offers neither Docker's search nor a catalog; "
            "look on its web page, or ask for one image with 'boxship manifest inspect NAME'"
        )
    return [one for one in found if _fits(one, wanted)][: wanted.limit]


def _fits(one: Found, wanted: SearchWish) -> bool:
    return (
        one.stars >= wanted.min_stars
        and wanted.official in (None, one.official)
        and wanted.automated in (None, one.automated)
    )


class _Hit(msgspec.Struct):
    name: str = ""
    description: str | None = None
    star_count: int = 0
    is_official: bool = False
    is_automated: bool = False


class _Hits(msgspec.Struct):
    results: list[_Hit] | None = None


def _classic(
    client: RegistryClient, wanted: SearchWish, auth: RegistryAuth | None
) -> list[Found] | None:
    domain = _HUB_INDEX if wanted.domain == DEFAULT_DOMAIN else wanted.domain
    session = client.repository(Reference(domain, "search"), auth, "pull")
    query = urlencode({"q": wanted.term, "n": wanted.limit})
    try:
        _, data = session.exchange("GET", f"/v1/search?{query}", {"X-Docker-Token": "true"})
        hits = msgspec.json.decode(data, type=_Hits).results or []
    except RegistryError as error:
        if error.status in _NO_SEARCH:
            return None
        raise InternalError(f"searching {wanted.domain}: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # a web page: this is no search
    return [
        Found(
            name=hit.name,
            description=hit.description or "",
            stars=hit.star_count,
            official=hit.is_official,
            automated=hit.is_automated,
        )
        for hit in hits
    ]


class _Names(msgspec.Struct):
    repositories: list[str] | None = None


def _catalog(
    client: RegistryClient, wanted: SearchWish, auth: RegistryAuth | None
) -> list[Found] | None:
    """Look through the list of a registry's repositories for those with the term in their name."""
    session = client.repository(
        Reference(wanted.domain, "catalog"), auth, scopes=["registry:catalog:*"]
    )
    found: list[str] = []
    try:
        for page in session.pages(f"/v2/_catalog?n={_CATALOG_PAGE}"):
            names = msgspec.json.decode(page, type=_Names).repositories or []
            found += [name for name in names if wanted.term in name]
            if len(found) >= wanted.limit:
                break
    except RegistryError as error:
        if error.status in _NO_SEARCH:
            return None
        raise InternalError(f"searching {wanted.domain}: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return [Found(name=f"{wanted.domain}/{name}") for name in found]
