"""``.dockerignore``: which files of a context are left out.

Sources of behaviour: the Dockerfile reference (".dockerignore file"), moby/patternmatcher. Paths
are relative to the context, with slashes, without one in front.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from boxship.engine.build.frontend.expand import SPACE
from boxship.errors import InvalidParameterError

State = tuple[bool, ...]
"""For each pattern: does it match this directory or one above?"""

_BAD = "syntax error in pattern"
_EXACT, _PREFIX, _SUFFIX, _REGEX = "exact", "prefix", "suffix", "regex"


def ignore_files(dockerfile: str) -> tuple[str, str]:
    """Where to look, in this order: next to the Dockerfile, then in the root of the context.

    Only the first that exists counts.
    """
    return f"{dockerfile}.dockerignore", ".dockerignore"


def read_patterns(text: str) -> tuple[str, ...]:
    """Read an ignore file: comments and blank lines go, names become relative and clean."""
    found = []
    for line in text.removeprefix("\ufeff").split("\n"):
        pattern = line.removesuffix("\r").strip(SPACE)
        if pattern and not line.startswith("#"):
            found.append(_relative(pattern))
    return tuple(found)


def _relative(pattern: str) -> str:
    mark = "!" if pattern.startswith("!") else ""
    pattern = pattern.removeprefix("!").strip(SPACE) if mark else pattern
    if pattern:
        pattern = clean_path(pattern)
        pattern = pattern[1:] if len(pattern) > 1 and pattern.startswith("/") else pattern
    return mark + pattern


def clean_path(path: str) -> str:
    """Go's ``filepath.Clean``; two slashes in front are one."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


@dataclass(frozen=True)
class Pattern:
    """One line of an ignore file."""

    text: str
    """Clean, without the ``!``."""
    negated: bool = False

    @cached_property
    def _kind(self) -> tuple[str, re.Pattern[str] | None]:
        return _compile(self.text)

    def matches(self, path: str) -> bool:
        """Does it match this very path?"""
        kind, regex = self._kind
        if kind == _EXACT:
            return path == self.text
        if kind == _PREFIX:
            return path.startswith(self.text[:-2])
        if kind == _SUFFIX:
            suffix = self.text[2:]
            return path.endswith(suffix) or (suffix[:1] == "/" and path == suffix[1:])
        return regex is not None and regex.fullmatch(path) is not None

    def __str__(self) -> str:
        return f"!{self.text}" if self.negated else self.text


class IgnoreMatcher:
    """An ordered list of patterns; the last that matches decides."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Raises InvalidParameterError for a pattern that is none, in patternmatcher's words."""
        self.patterns = tuple(_patterns(patterns))
        self.has_exceptions = any(pattern.negated for pattern in self.patterns)

    def ignored(self, path: str) -> bool:
        """Is this path left out, by itself or with a directory above it?"""
        return self.decide(path) is not None

    def decide(self, path: str) -> Pattern | None:
        """The pattern that leaves the path out; None when it is kept. ``.`` is always kept."""
        path = clean_path(path)
        if path == ".":
            return None
        above = _above(path)
        decided: Pattern | None = None
        for pattern in self.patterns:
            if pattern.negated == (decided is not None) and (
                pattern.matches(path) or any(map(pattern.matches, above))
            ):
                decided = None if pattern.negated else pattern
        return decided

    def walk(self, path: str, above: State = ()) -> tuple[bool, State]:
        """As ``ignored`` for a walk: ``above`` is the directory's state, ``()`` in the root.

        Each path is compared only with patterns that did not match above it.
        """
        ignored = False
        state = []
        for index, pattern in enumerate(self.patterns):
            matched = bool(above) and above[index]
            if not matched and pattern.negated == ignored:
                matched = pattern.matches(path)
            state.append(matched)
            if matched:
                ignored = not pattern.negated
        return ignored, tuple(state)

    def prunable(self, path: str) -> bool:
        """May a walk skip everything below this directory? Only when no exception can match."""
        return self.ignored(path) and not any(
            _may_match_below(pattern.text, path) for pattern in self.patterns if pattern.negated
        )


def _patterns(patterns: Iterable[str]) -> Iterable[Pattern]:
    for text in patterns:
        stripped = text.strip(SPACE)
        if not stripped:
            continue
        cleaned = clean_path(stripped)
        negated = cleaned.startswith("!")
        if cleaned == "!":
            raise InvalidParameterError('illegal exclusion pattern: "!"')
        pattern = cleaned[1:] if negated else cleaned
        _check(pattern)
        yield Pattern(pattern, negated)


def _above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _may_match_below(pattern: str, directory: str) -> bool:
    literal = re.split(r"[*?\[\\]", pattern, maxsplit=1)[0]
    if literal == pattern:
        return f"{pattern}/".startswith(f"{directory}/")
    return literal.startswith(f"{directory}/") or f"{directory}/".startswith(literal)


def _check(pattern: str) -> None:
    """Raises InvalidParameterError where Go's ``filepath.Match`` finds the syntax bad."""
    position = 0
    while position < len(pattern):
        if pattern[position] == "\\":
            position += 2
            if position > len(pattern):
                raise InvalidParameterError(f"{_BAD}: {pattern!r} ends with a backslash")
        elif pattern[position] == "[":
            position = _class(pattern, position)[1]
        else:
            position += 1


def _class(pattern: str, position: int) -> tuple[str, int]:
    """Read ``[…]`` as a regular expression's class; also the position behind it."""
    start = position
    position += 1
    out = "["
    if pattern[position : position + 1] == "^":
        out, position = "[^", position + 1
    empty = True
    while empty or pattern[position : position + 1] != "]":
        low, position = _class_char(pattern, position, start)
        high = low
        if pattern[position : position + 1] == "-":
            high, position = _class_char(pattern, position + 1, start)
        # A range that runs backwards matches nothing; \udfff stands in no path.
        out += f"{re.escape(low)}-{re.escape(high)}" if low <= high else "\udfff"
        empty = False
    return out + "]", position + 1


def _class_char(pattern: str, position: int, start: int) -> tuple[str, int]:
    char = pattern[position : position + 1]
    if char == "\\":
        position += 1
        char = pattern[position : position + 1]
    elif char in ("-", "]"):
        char = ""
    if not char:
        raise InvalidParameterError(f"{_BAD}: the bracket of {pattern[start:]!r} is malformed")
    return char, position + 1


def _compile(pattern: str) -> tuple[str, re.Pattern[str] | None]:
    """Choose the cheapest way to match, with patternmatcher's own borders between them."""
    kind = _EXACT
    out: list[str] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if pattern.startswith("**", position):
            at_start = position == 0
            position += 3 if pattern.startswith("/", position + 2) else 2
            at_end = position == len(pattern)
            kind = _double_star(kind, out, at_start, at_end)
            continue
        step = 1
        if char in "*?":
            kind = _REGEX
            out.append("[^/]*" if char == "*" else "[^/]")
        elif char == "[":
            kind = _REGEX
            text, end = _class(pattern, position)
            out.append(text)
            step = end - position
        elif char == "\\":
            kind = _REGEX
            out.append(re.escape(pattern[position + 1]))
            step = 2
        else:
            out.append(re.escape(char))
        position += step
    return kind, re.compile(_joined(out), re.DOTALL) if kind == _REGEX else None


def _double_star(kind: str, out: list[str], at_start: bool, at_end: bool) -> str:
    if at_end:
        out.append(".*")
        return _SUFFIX if at_start else _PREFIX if kind == _EXACT else _REGEX
    out.append("(?:.*/)?")
    return _SUFFIX if at_start else _REGEX


def _joined(parts: list[str]) -> str:
    """Stars of one kind side by side are one, and the leftmost place of what follows will do.

    Both keep the time that a match takes from growing with each star: within one part of a path a
    star need not be tried anew once the text behind it was found.
    """
    out: list[str] = []
    for part in parts:
        if not (out and part == out[-1] and part in ("[^/]*", "(?:.*/)?", ".*")):
            out.append(part)
    return _atomic_stars(out)


def _atomic_stars(parts: list[str]) -> str:
    if any(part.startswith("[") and not part.startswith("[^/]") for part in parts):
        return "".join(parts)  # a class may match a slash, so that the leftmost place may not do
    text, since_star = "", None
    for part in parts:
        if part == "[^/]*" and since_star is not None:
            text += f"(?>[^/]*?{since_star})"
            since_star = ""
        elif part == "[^/]*":
            since_star = ""
        elif part in ("/", "(?:.*/)?", ".*"):
            text += ("" if since_star is None else f"[^/]*{since_star}") + part
            since_star = None
        elif since_star is None:
            text += part
        else:
            since_star += part
    return text + ("" if since_star is None else f"[^/]*{since_star}")
