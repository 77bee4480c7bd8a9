"""The package sources of the host's apt (sources.list(5)), adapted to a suite."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from boxship.engine.images.bootstrap.recipe import Recipe
from boxship.errors import UnavailableError
from boxship.linux.host import read_host

_USER_INFO = re.compile(r"//[^/@\s]+@")
HOST_SETTINGS = Path("/etc/apt")
_ROLLING = frozenset({"sid", "unstable", "experimental"})
"""Releases without updates of their own."""
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<rest>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One stanza."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""
    """Path of a keyring, or the key itself."""
    trusted: bool = False
    """The administrator has said that no signature is needed."""

    def without_secrets(self) -> "Source":
        """Return it with addresses that name no user and no password."""
        return replace(self, uris=tuple(_USER_INFO.sub("//", uri) for uri in self.uris))

    def stanza(self, *, keyring: bool = True) -> str:
        """Write it in the deb822 form. keyring: with Signed-By."""
        lines = [
            "Types: deb",
            f"URIs: {' '.join(self.uris)}",
            f"Suites: {' '.join(self.suites)}",
            f"Components: {' '.join(self.components)}",
        ]
        if self.signed_by and keyring:
            lines.append(f"Signed-By: {self.signed_by}")
        if self.trusted:
            lines.append("Trusted: yes")
        return "\n".join(lines) + "\n"


def sources_for(recipe: Recipe, etc: Path = HOST_SETTINGS) -> list[Source]:
    """Return the sources for a recipe's suite, out of the host's. [blocking]

    A suite that the host does not name is looked for where the host gets its own release from.
    Raises UnavailableError where the host has no package source.
    """
    found = [source for source in read_sources(etc) if "main" in source.components]
    codename = read_host().codename
    wanted = recipe.suite or codename
    chosen = _of_suite(found, wanted, wanted) or _derived(found, codename, wanted)
    if recipe.mirror:
        signed_by = next((source.signed_by for source in chosen if source.signed_by), "")
        trusted = any(source.trusted for source in chosen)
        chosen = [
            Source(
                uris=(recipe.mirror,),
                suites=(wanted,),
                components=("main",),
                signed_by=signed_by,
                trusted=trusted,
            )
        ]
    if not chosen:
        raise UnavailableError(
            f"no package source for {recipe.title}: apt's configuration on this host names "
            f"{', '.join(known_suites(found)) or 'none'}; give one with --mirror"
        )
    if recipe.components:
        chosen = [replace(source, components=recipe.components) for source in chosen]
    return chosen


def _derived(sources: list[Source], codename: str, wanted: str) -> list[Source]:
    """Return sources for a release that the host does not name; a rolling one is alone."""
    chosen = _of_suite(sources, codename, wanted)
    if wanted not in _ROLLING:
        return chosen
    alone = [source for source in chosen if wanted in source.suites]
    return [replace(source, suites=(wanted,)) for source in alone]


def known_suites(sources: Iterable[Source]) -> list[str]:
    """Return all suites that sources name."""
    return sorted({suite for source in sources for suite in source.suites})


def _of_suite(sources: list[Source], found: str, wanted: str) -> list[Source]:
    """Return what belongs to a release (``bookworm``, ``bookworm-updates``) under another name."""
    chosen = []
    for source in sources:
        suites = [
            wanted + suite[len(found) :]
            for suite in source.suites
            if found and (suite == found or suite.startswith((found + "-", found + "/")))
        ]
        if suites:
            chosen.append(replace(source, suites=tuple(suites)))
    return chosen


def read_sources(etc: Path) -> list[Source]:
    """Read all enabled sources of binary packages. [blocking]"""
    sources: list[Source] = []
    for path in sorted([etc / "sources.list", *etc.glob("sources.list.d/*")]):
        if not path.is_file():
            continue
        text = path.read_text(errors="replace")
        if path.suffix == ".sources":
            sources += _deb822(text)
        elif path.suffix == ".list":
            sources += _one_line(text)
    return sources


def _deb822(text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        if "deb" not in fields.get("types", "").split() or not fields.get("uris"):
            continue
        yield Source(
            uris=tuple(fields["uris"].split()),
            suites=tuple(fields.get("suites", "").split()),
            components=tuple(fields.get("components", "").split()),
            signed_by=fields.get("signed-by", ""),
            trusted=fields.get("trusted", "") in ("yes", "true"),
        )


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    key = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in (" ", "\t") and key:
            fields[key] += "\n" + line
            continue
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            fields[key] = value.strip()
    return fields


def _one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        found = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if found is None:
            continue
        suite, *components = found["rest"].split()
        options = dict(
            word.partition("=")[::2] for word in (found["options"] or "").split() if "=" in word
        )
        yield Source(
            uris=(found["uri"],),
            suites=(suite,),
            components=tuple(components),
            signed_by=options.get("signed-by", ""),
            trusted=options.get("trusted", "") == "yes",
        )
