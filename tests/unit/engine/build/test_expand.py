"""Variables, quotes, escapes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boxship.engine.build.frontend import wildcard
from boxship.engine.build.frontend.expand import Lexer
from boxship.errors import InvalidParameterError

ENV = {
    "name": "world",
    "empty": "",
    "path": "/usr/local/bin",
    "file": "archive.tar.gz",
    "pat": "*",
    "lines": "a\nb",
    "_x1": "under",
    "1": "one",
    "ü": "umlaut",
}

CASES = [
    ("plain", "plain"),
    ("", ""),
    ("$name", "world"),
    ("${name}", "world"),
    ("hello $name!", "hello world!"),
    ("$name$name", "worldworld"),
    ("${name}s", "worlds"),
    ("$names", ""),
    ("$_x1", "under"),
    ("$1", "one"),
    ("$12", ""),
    ("$1x", "onex"),
    ("$ü", "umlaut"),
    ("$", "$"),
    ("a$", "a$"),
    ("$.x", "$.x"),
    ("$ x", "$ x"),
    ("$?", ""),
    ("$@x", "x"),
    ("$nothing", ""),
    ("${nothing}", ""),
    # Escapes.
    ("\\$name", "$name"),
    ("\\\\$name", "\\world"),
    ("\\\\\\$name", "\\$name"),
    ("\\${name}", "${name}"),
    ("a\\b", "ab"),
    ("end\\", "end"),
    ("\\", ""),
    # Quotes.
    ("'$name'", "$name"),
    ('"$name"', "world"),
    ("'a b'", "a b"),
    ('"a\'b"', "a'b"),
    ("'a\"b'", 'a"b'),
    ("'a\\b'", "a\\b"),
    ('"a\\b"', "a\\b"),
    ('"a\\"b"', 'a"b'),
    ('"a\\$name"', "a$name"),
    ('"a\\\\b"', "a\\b"),
    ("a'b'c\"d\"", "abcd"),
    ('""', ""),
    ("''", ""),
    ("\"${nothing:-'x'}\"", "x"),
    # Defaults.
    ("${nothing:-x}", "x"),
    ("${nothing-x}", "x"),
    ("${empty:-x}", "x"),
    ("${empty-x}", ""),
    ("${name:-x}", "world"),
    ("${name-x}", "world"),
    ("${nothing:-}", ""),
    ("${nothing:-$name}", "world"),
    ("${nothing:-${name}}", "world"),
    ("${nothing:-${also:-${name}}}", "world"),
    ("${nothing:-a b}", "a b"),
    ("${nothing:-'a}b'}", "a}b"),
    ("${nothing:-a\\}b}", "a}b"),
    ("${nothing:-:-}", ":-"),
    # Alternatives.
    ("${name:+x}", "x"),
    ("${name+x}", "x"),
    ("${empty:+x}", ""),
    ("${empty+x}", "x"),
    ("${nothing:+x}", ""),
    ("${nothing+x}", ""),
    ("${name:+$path}", "/usr/local/bin"),
    # Demands that are met.
    ("${name?no}", "world"),
    ("${name:?no}", "world"),
    ("${empty?no}", ""),
    # Starts and ends cut off.
    ("${path#/}", "usr/local/bin"),
    ("${path#*/}", "usr/local/bin"),
    ("${path##*/}", "bin"),
    ("${path%/*}", "/usr/local"),
    ("${path%%/*}", ""),
    ("${file%.*}", "archive.tar"),
    ("${file%%.*}", "archive"),
    ("${file#*.}", "tar.gz"),
    ("${file##*.}", "gz"),
    ("${file#archive}", ".tar.gz"),
    ("${file#nothing}", "archive.tar.gz"),
    ("${file%nothing}", "archive.tar.gz"),
    ("${file#?}", "rchive.tar.gz"),
    ("${file%?}", "archive.tar.g"),
    ("${file##}", "archive.tar.gz"),
    ("${file#*}", "archive.tar.gz"),
    ("${file##*}", ""),
    ("${file%%*}", ""),
    ("${file#a?c}", "hive.tar.gz"),
    ("${pat#\\*}", ""),
    ("${name#\\*}", "world"),
    ("${file#[a]}", "archive.tar.gz"),
    ("${nothing#x}", ""),
    ("${lines#a*b}", "a\nb"),
    # Replacements.
    ("${file/./-}", "archive-tar.gz"),
    ("${file//./-}", "archive-tar-gz"),
    ("${file/tar/zip}", "archive.zip.gz"),
    ("${file/nothing/x}", "archive.tar.gz"),
    ("${file/.*/}", "archive"),
    ("${file//?/x}", "xxxxxxxxxxxxxx"),
    ("${path//\\//-}", "-usr-local-bin"),
    ("${path/\\/usr/}", "/local/bin"),
    ("${name/o/$empty}", "wrld"),
    ("${name/$name/x}", "x"),
    ("${name//o/}", "wrld"),
    ("${nothing/a/b}", ""),
    ("${file/.tar.gz/}", "archive"),
    # Heredoc marks are plain text here.
    ("<<EOF", "<<EOF"),
    ("a<b", "a<b"),
    ("<< EOF", "<< EOF"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_text(text: str, expected: str) -> None:
    assert Lexer().expand(text, ENV).text == expected


WORDS = [
    ("a b  c", ["a", "b", "c"]),
    (" a ", ["a"]),
    ("'a b' c", ["a b", "c"]),
    ('a" "b', ["a b"]),
    ("a\\ b", ["a b"]),
    ("${nothing:-a b} c", ["a", "b", "c"]),
    ("x${nothing:-a b}y", ["xa", "by"]),
    ('"${nothing:-a b}"', ["a b"]),
    ("$empty", []),
    ("''", []),
    ("<< EOF", ["<< EOF"]),
    ("a\u00a0b", ["a", "b"]),
    ("a\u001cb", ["a\u001cb"]),
]


@pytest.mark.parametrize(("text", "expected"), WORDS)
def test_words(text: str, expected: list[str]) -> None:
    assert list(Lexer().expand(text, ENV).words) == expected


def test_switches() -> None:
    assert Lexer(escape="`").expand("a`$b \\$name", ENV).text == "a$b \\world"
    assert Lexer(raw_quotes=True).expand("'a' \"$name\"", ENV).text == "'a' \"world\""
    assert Lexer(raw_escapes=True).expand('\\a "\\$"', ENV).text == "\\a \\$"
    assert Lexer(plain_quotes=True).expand("'$name\"", ENV).text == "'world\""
    keep = Lexer(keep_unset=True)
    for text in ("$x", "${x}", "${x:-y}", "${x#y}", "${x/y/z}"):
        assert keep.expand(f"$name {text}", ENV).text == f"world {text}"


def test_which_variables_were_used() -> None:
    found = Lexer().expand("$name ${a} $name ${b:-$empty} '$c'", ENV)
    assert found.matched == ("name", "empty")
    assert found.unmatched == ("a", "b")


@pytest.mark.parametrize(
    "text", ["${", "${a", "${a:", "${a:-", "${a/", "${a//b/", "$" + "{a-" * 300]
)
def test_without_an_end(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="failed to process"):
        Lexer().expand(text, ENV)


SMALL = st.text(alphabet="ab*?", max_size=6)


def test_no_pattern_takes_long() -> None:
    value = "a" * 3000
    assert wildcard.trim_prefix(value, "*a" * 30 + "b", longest=True) == value
    assert wildcard.trim_suffix(value, "b" + "*a" * 30, longest=False) == value
    assert wildcard.replace(value, "*a" * 30 + "b", "x", everywhere=True) == value


@given(st.text(alphabet="ab\n", max_size=8), SMALL)
def test_replacing_what_was_found(value: str, pattern: str) -> None:
    regex = "".join({"*": ".*", "?": "."}.get(char, char) for char in pattern)
    once = re.sub(regex, "x", value, count=1)
    assert wildcard.replace(value, pattern, "x", everywhere=False) == once
    # Python replaces an empty match behind another match too, Go (and we) do not.
    if not re.fullmatch(regex, ""):
        everywhere = re.sub(regex, "x", value)
        assert wildcard.replace(value, pattern, "x", everywhere=True) == everywhere


@given(st.text(alphabet="ab", max_size=8), SMALL)
def test_shortest_and_longest(value: str, pattern: str) -> None:
    short = wildcard.trim_prefix(value, pattern, longest=False)
    long = wildcard.trim_prefix(value, pattern, longest=True)
    assert value.endswith(short)
    assert short.endswith(long)
    mirrored = wildcard.trim_suffix(value[::-1], pattern[::-1], longest=True)
    assert mirrored[::-1] == long


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab$ {}:-+?#%/*\\'\"<\n", max_size=40))
def test_any_text_is_answered(text: str) -> None:
    try:
        found = Lexer().expand(text, {"a": "b", "b": ""})
    except InvalidParameterError:
        return
    assert set(found.matched) <= {"a", "b"}
    assert not set(found.unmatched) & {"a", "b"}


@given(st.text(max_size=40).filter(lambda text: not set(text) & set("$\\'\"")))
def test_text_without_signs_stays(text: str) -> None:
    assert Lexer().expand(text, {}).text == text
