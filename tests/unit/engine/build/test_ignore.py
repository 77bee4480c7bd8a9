"""Ignore files, pattern by pattern."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxship.engine.build.frontend.ignore import (
    IgnoreMatcher,
    State,
    ignore_files,
    read_patterns,
)
from boxship.errors import InvalidParameterError

# Patterns with a blank between them, a path, whether it is left out.
CASES = [
    ("a", "a", True),
    ("a", "b", False),
    ("a", "a/b", True),
    ("a", "a/b/c", True),
    ("a", "b/a", False),
    ("a", "ab", False),
    ("a/", "a/b", True),
    ("./a", "a", True),
    ("a//b", "a/b", True),
    ("a/../b", "b", True),
    ("a/b", "a/b", True),
    ("a/b", "a/b/c", True),
    ("a/b", "a", False),
    (".", "a", False),
    ("*", "a", True),
    ("*", "a/b", True),
    ("*", ".hidden", True),
    ("*", ".", False),
    ("*.go", "a.go", True),
    ("*.go", "a/b.go", False),
    ("*/b", "a/b", True),
    ("*/b", "a/c/b", False),
    ("*/*", "a", False),
    ("*/*", "a/b", True),
    ("a*", "abc/d", True),
    ("a*c", "abc", True),
    ("a*c", "a/c", False),
    ("a*b*c", "aXbYc", True),
    ("a*b*c", "aXcYb", False),
    ("?", "a", True),
    ("?", "ab", False),
    ("?", "ä", True),
    ("a?c", "abc", True),
    ("a?c", "a/c", False),
    ("[ab]", "a", True),
    ("[ab]", "c", False),
    ("[a-c]x", "bx", True),
    ("[a-c]x", "dx", False),
    ("[^a]", "b", True),
    ("[^a]", "a", False),
    ("[!a]", "!", True),
    ("[\\]]", "]", True),
    ("[.]", ".", False),
    ("[c-a]", "b", False),
    ("a.b", "a.b", True),
    ("a.b", "aXb", False),
    ("a+b", "a+b", True),
    ("a(b)", "a(b)", True),
    ("a{b}|$", "a{b}|$", True),
    ("\\*", "*", True),
    ("\\*", "a", False),
    ("\\!a", "!a", True),
    ("\\a", "a", True),
    # Any depth.
    ("**", "a", True),
    ("**", "a/b/c", True),
    ("**/a", "a", True),
    ("**/a", "x/y/a", True),
    ("**/a", "x/y/a/z", True),
    ("**/a", "xa", False),
    ("**/a/", "x/a/b", True),
    ("**/*.go", "a.go", True),
    ("**/*.go", "x/y/a.go", True),
    ("**/*.go", "x/y/a.goo", False),
    ("a/**", "a", False),
    ("a/**", "a/b", True),
    ("a/**", "a/b/c", True),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("a/**/b", "a/x/bb", False),
    ("a/**/b", "ab", False),
    ("**/a/**", "x/a/y", True),
    ("**/a/**", "a/y", True),
    ("**/**", "a", True),
    ("**/a/*/c", "x/a/b/c", True),
    ("a**", "ab/c", True),
    ("**a", "x/ba", True),
    ("a/**/*", "a/b", True),
    ("*/**/a", "x/a", True),
    ("*/**/a", "a", False),
    # Exceptions: the last that matches decides.
    ("* !a", "a", False),
    ("* !a", "b", True),
    ("* !a", "a/b", False),
    ("!a *", "a", True),
    ("a !a/b", "a/b", False),
    ("a !a/b", "a/c", True),
    ("a !a/b", "a/b/c", False),
    ("a !a/b a/b/c", "a/b/c", True),
    ("*.md !README.md", "README.md", False),
    ("*.md !README*.md README-secret.md", "README-secret.md", True),
    ("**/*.log !**/keep.log", "x/keep.log", False),
    ("!a", "a", False),
    ("a !b", "a", True),
    ("** !**/*.c", "x/y.c", False),
    ("a !a a", "a", True),
]


@pytest.mark.parametrize(("patterns", "path", "ignored"), CASES)
def test_patterns(patterns: str, path: str, ignored: bool) -> None:
    matcher = IgnoreMatcher(read_patterns(patterns.replace(" ", "\n")))
    assert matcher.ignored(path) is ignored
    if path != ".":
        assert _walked(matcher, path) is ignored


def _walked(matcher: IgnoreMatcher, path: str) -> bool:
    """The same, as a walk from the root finds it."""
    parts = path.split("/")
    ignored, state = False, State()
    for count in range(1, len(parts) + 1):
        ignored, state = matcher.walk("/".join(parts[:count]), state)
    return ignored


def test_reading() -> None:
    text = (
        "\ufeff# a comment\n  # no comment\n\n   \na \r\n/b\n//c\n!/d\n! e\nf/\n./g\n\th\ti\t\n"
        "j/../k\n!\n/\n\\#l\n"
    )
    assert read_patterns(text) == (
        "# no comment",
        "a",
        "b",
        "c",
        "!d",
        "!e",
        "f",
        "g",
        "h\ti",
        "k",
        "!",
        "/",
        "\\#l",
    )


@pytest.mark.parametrize(
    "pattern", ["[", "[a", "[]", "[]a]", "[-a]", "[a-]", "[^]", "a\\", "[\\", "x/[", "**/["]
)
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(InvalidParameterError, match="syntax error in pattern"):
        IgnoreMatcher([pattern])


def test_a_lone_exclamation_mark() -> None:
    with pytest.raises(InvalidParameterError, match='illegal exclusion pattern: "!"'):
        IgnoreMatcher(["!"])


def test_which_pattern_decided() -> None:
    matcher = IgnoreMatcher(["*.log", "!keep.log", "tmp"])
    assert str(matcher.decide("a.log")) == "*.log"
    assert str(matcher.decide("tmp/x")) == "tmp"
    assert matcher.decide("keep.log") is None


def test_where_a_walk_may_stop() -> None:
    matcher = IgnoreMatcher(["a", "b", "c", "!b/x/y", "!c*/z"])
    assert matcher.prunable("a")
    assert matcher.prunable("a/deep")
    assert not matcher.prunable("b")
    assert not matcher.prunable("b/x")
    assert matcher.prunable("b/w")
    assert not matcher.prunable("c")
    assert not matcher.prunable("kept")


def test_files() -> None:
    assert ignore_files("docker/Prod.Dockerfile") == (
        "docker/Prod.Dockerfile.dockerignore",
        ".dockerignore",
    )


def test_no_pattern_takes_long() -> None:
    matcher = IgnoreMatcher(["*a*a*a*a*a*a*a*a*b", "**/" * 50 + "x*y"])
    assert not matcher.ignored("a" * 250)
    assert not matcher.ignored("/".join("a" * 60))


PATTERNS = st.lists(st.text(alphabet="ab*?/!.", min_size=1, max_size=8), max_size=4)
PATHS = st.lists(st.sampled_from(["a", "b", "ab", ".a", "aba"]), min_size=1, max_size=4)


@settings(max_examples=300, deadline=None)
@given(PATTERNS, PATHS)
def test_a_walk_finds_what_a_look_up_finds(patterns: list[str], parts: list[str]) -> None:
    try:
        matcher = IgnoreMatcher(patterns)
    except InvalidParameterError:
        return
    path = "/".join(parts)
    assert _walked(matcher, path) is matcher.ignored(path)
    if any(matcher.prunable("/".join(parts[:count])) for count in range(1, len(parts))):
        assert matcher.ignored(path)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab*?", min_size=1, max_size=8), st.text(alphabet="ab", max_size=8))
def test_stars_within_a_name(pattern: str, name: str) -> None:
    if "**" in pattern or not name:
        return
    simple = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    assert IgnoreMatcher([pattern]).ignored(name) is bool(re.fullmatch(simple, name))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.text(alphabet="ab/.", min_size=1, max_size=12))
def test_any_file_is_answered(text: str, path: str) -> None:
    try:
        matcher = IgnoreMatcher(read_patterns(text))
    except InvalidParameterError:
        return
    assert isinstance(matcher.ignored(path), bool)
