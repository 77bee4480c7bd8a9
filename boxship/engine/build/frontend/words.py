"""How the rest of an instruction is cut into flags, words, pairs and JSON strings.

Sources of behaviour: BuildKit's ``parser`` package (``split_command.go``, ``line_parsers.go``).
"""

import json
import re
from dataclasses import dataclass

from boxship.engine.build.frontend.expand import SPACE, Lexer
from boxship.errors import InvalidParameterError
from boxship.gotemplate.format import quote

BLANKS = re.compile(r"[\t\v\f\r ]+")
_HEREDOC = re.compile(r"(\d*)<<(-?)[\t\n\f\r ]*([^<]*)", re.DOTALL)
_LEADING_TABS = re.compile(r"^\t+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pair:
    """``key=value``, or ``key value`` in the legacy form."""

    key: str
    value: str
    legacy: bool = False

    def __str__(self) -> str:
        return f"{self.key}{' ' if self.legacy else '='}{self.value}"


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A document that follows an instruction."""

    name: str
    expand: bool = True
    """False when the delimiter is quoted."""
    chomp: bool = False
    """``<<-``: tabs at the start of lines do not count."""
    fd: int = 0
    content: str = ""
    """Its lines as they are written, the delimiter's excepted."""

    @property
    def data(self) -> str:
        """The content without the tabs that do not count."""
        return _LEADING_TABS.sub("", self.content) if self.chomp else self.content


def split_keyword(line: str) -> tuple[str, str]:
    """Return an instruction's name and the rest of its line."""
    keyword, *rest = BLANKS.split(line.strip(SPACE), maxsplit=1)
    return keyword, rest[0] if rest else ""


def split_flags(line: str, escape: str) -> tuple[tuple[str, ...], str]:
    """Take the ``--flags`` from the front; return them without quotes, and what follows."""
    flags: list[str] = []
    position = 0
    while True:
        while position < len(line) and line[position] in SPACE:
            position += 1
        if not line.startswith("--", position):
            return tuple(flags), line[position:].strip(SPACE)
        word, position = _flag(line, position, escape)
        if word == "--":
            return tuple(flags), line[position:].strip(SPACE)
        flags.append(word)


def _flag(line: str, position: int, escape: str) -> tuple[str, int]:
    word: list[str] = []
    quoted = ""
    while position < len(line):
        char = line[position]
        if not quoted and char in SPACE:
            break
        if char == quoted:
            quoted = ""
        elif not quoted and char in ("'", '"'):
            quoted = char
        elif char == escape:
            position += 1
            word.append(line[position : position + 1])
        else:
            word.append(char)
        position += 1
    return "".join(word), min(position, len(line))


def split_words(rest: str, escape: str) -> list[str]:
    """Cut at white space outside of quotes; quotes and escapes stay."""
    words: list[str] = []
    position = 0
    while position < len(rest):
        if rest[position] in SPACE:
            position += 1
            continue
        word, position = _word(rest, position, escape)
        if word:
            words.append(word)
    return words


def _word(rest: str, position: int, escape: str) -> tuple[str, int]:
    word: list[str] = []
    quoted = ""
    while position < len(rest):
        char = rest[position]
        if not quoted and char in SPACE:
            break
        if char == escape and quoted != "'":
            # An escape at the very end means nothing.
            word.append(rest[position : position + 2] if position + 1 < len(rest) else "")
            position += 2
            continue
        if char == quoted:
            quoted = ""
        elif not quoted and char in ("'", '"'):
            quoted = char
        word.append(char)
        position += 1
    return "".join(word), min(position, len(rest))


def split_pairs(rest: str, keyword: str, escape: str) -> tuple[Pair, ...]:
    """Read ENV's and LABEL's pairs. Raises InvalidParameterError in BuildKit's words."""
    words = split_words(rest, escape)
    if not words:
        return ()
    if "=" not in words[0]:
        parts = BLANKS.split(rest, maxsplit=1)
        if len(parts) < 2:
            raise InvalidParameterError(f"{keyword} must have two arguments")
        return (Pair(parts[0], parts[1], legacy=True),)
    return tuple(_pair(word) for word in words)


def _pair(word: str) -> Pair:
    key, equals, value = word.partition("=")
    if not equals:
        raise InvalidParameterError(
            f"Syntax error - can't find = in {quote(word)}. Must be of the form: name=value"
        )
    return Pair(key, value)


def parse_json(rest: str) -> tuple[str, ...] | None:
    """Read the exec form; None when rest is no JSON array.

    Raises InvalidParameterError when it is one with something else than strings in it.
    """
    rest = rest.strip(SPACE)
    if not rest.startswith("["):
        return None
    try:
        found = json.loads(rest, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(item, str) for item in found):
        raise InvalidParameterError(
            "when using JSON array syntax, arrays must be comprised of strings only"
        )
    return tuple(_without_surrogates(item) for item in found)


def _no_constant(name: str) -> None:
    """NaN and Infinity are no JSON."""
    raise ValueError(name)


def _without_surrogates(text: str) -> str:
    """Half a surrogate pair stands for nothing; Go writes U+FFFD for it.

    U+DC80–U+DCFF stay: they are bytes of the file that are not UTF-8.
    """
    if not any("\ud800" <= char < "\udc80" or "\udcff" < char <= "\udfff" for char in text):
        return text
    return "".join(
        "\ufffd" if "\ud800" <= char <= "\udfff" and not "\udc80" <= char <= "\udcff" else char
        for char in text
    )


def parse_heredoc(word: str) -> Heredoc | None:
    """Read ``<<EOF``, ``<<-"EOF"``, ``3<<EOF``; None for another word.

    Raises InvalidParameterError for a quote that does not end.
    """
    match = _HEREDOC.fullmatch(word)
    if match is None or not match[3]:
        return None
    plain = Lexer(keep_unset=True).expand(match[3], {}).words
    raw = Lexer(keep_unset=True, raw_quotes=True).expand(match[3], {}).words
    if len(plain) != 1 or len(raw) != 1:
        return None
    return Heredoc(
        name=plain[0],
        expand=_quote_marks(plain[0]) == _quote_marks(raw[0]),
        chomp=match[2] == "-",
        fd=int(match[1][-9:] or "0"),
    )


def _quote_marks(text: str) -> int:
    return text.count("'") + text.count('"')


def heredocs_in(line: str) -> list[Heredoc]:
    """Find the documents that an instruction announces, in order."""
    lexer = Lexer(raw_quotes=True, raw_escapes=True, keep_unset=True)
    try:
        words = lexer.expand(line, {}).words
    except InvalidParameterError:
        return []
    found = [parse_heredoc(word) for word in words]
    return [heredoc for heredoc in found if heredoc is not None]
