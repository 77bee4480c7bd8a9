"""Variables and quotes, as BuildKit's ``shell`` package expands them (docker/dockerfile reference,
"Environment replacement"): ``$v ${v} ${v:-w} ${v-w} ${v:+w} ${v+w} ${v:?e} ${v?e} ${v#p} ${v##p}
${v%p} ${v%%p} ${v/p/r} ${v//p/r}``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from boxship.engine.build.frontend import wildcard
from boxship.errors import InvalidParameterError
from boxship.gotemplate.format import quote

SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))
SPACE += "\u2028\u2029\u202f\u205f\u3000"
"""What Go calls white space; Python's own notion has four characters more."""

_SPECIAL = "@*#?-$!0"
_END = ""
MAX_DEPTH = 100
"""How deep ``${a:-${b:-…}}`` may go."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """A word with its variables replaced."""

    text: str
    words: tuple[str, ...]
    """The text split at white space that is not quoted."""
    matched: tuple[str, ...] = ()
    """Names of variables that were used and are set, each once."""
    unmatched: tuple[str, ...] = ()
    """Names of variables that were used and are not set."""


@dataclass(frozen=True, slots=True)
class Lexer:
    """How words are read; the fields are switches of BuildKit's lexer."""

    escape: str = "\\"
    raw_quotes: bool = False
    """Quotes stay in the result."""
    raw_escapes: bool = False
    """The escape characters stay in the result."""
    plain_quotes: bool = False
    """Quotes mean nothing (heredocs)."""
    keep_unset: bool = False
    """A variable that is not set stays as it is written."""

    def expand(self, text: str, env: Mapping[str, str]) -> Expansion:
        """Replace the variables. Raises InvalidParameterError in BuildKit's words."""
        reading = _Reading(self, text, env)
        try:
            value, words = reading.until(_END, self.raw_escapes)
        except InvalidParameterError as error:
            raise InvalidParameterError(f"failed to process {quote(text)}: {error}") from None
        return Expansion(value, tuple(words), tuple(reading.matched), tuple(reading.unmatched))


class _Words:
    """Collects words: white space ends one unless it was quoted or escaped."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._current: list[str] = []

    def add(self, text: str) -> None:
        for char in text:
            if char in SPACE:
                self._finish()
            else:
                self._current.append(char)

    def add_raw(self, text: str) -> None:
        self._current.append(text)

    def _finish(self) -> None:
        word = "".join(self._current)
        if word:
            self._words.append(word)
            self._current.clear()

    def result(self) -> list[str]:
        self._finish()
        return self._words


class _Reading:
    """One text being expanded, from left to right."""

    def __init__(self, lexer: Lexer, text: str, env: Mapping[str, str]) -> None:
        self._lexer = lexer
        self._text = text
        self._env = env
        self._position = 0
        self._depth = 0
        self._raw_escapes = lexer.raw_escapes
        self.matched: dict[str, None] = {}
        self.unmatched: dict[str, None] = {}

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _next(self) -> str:
        char = self._peek()
        self._position += 1
        return char

    @property
    def _at_end(self) -> bool:
        return self._position >= len(self._text)

    def until(self, stop: str, raw_escapes: bool) -> tuple[str, list[str]]:
        """Expand up to the character ``stop``, which is consumed, or to the end for ``""``."""
        outer, self._raw_escapes = self._raw_escapes, raw_escapes
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise InvalidParameterError("syntax error: substitutions are nested too deeply")
        try:
            return self._until(stop)
        finally:
            self._raw_escapes = outer
            self._depth -= 1

    def _until(self, stop: str) -> tuple[str, list[str]]:
        result: list[str] = []
        words = _Words()
        while not self._at_end:
            char = self._peek()
            if stop and char == stop:
                self._position += 1
                return "".join(result), words.result()
            special = self._special(char)
            if special is None:
                self._plain(result, words)
            else:
                result.append(special)
                (words.add if char == "$" else words.add_raw)(special)
        if stop:
            raise InvalidParameterError(
                f"unexpected end of statement while looking for matching {stop}"
            )
        return "".join(result), words.result()

    def _special(self, char: str) -> str | None:
        """Read what begins with a character that means something; None for others."""
        if char == "$":
            return self._dollar()
        if char == "<":
            return self._heredoc_mark()
        if char in ("'", '"') and not self._lexer.plain_quotes:
            return self._single_quoted() if char == "'" else self._double_quoted()
        return None

    def _plain(self, result: list[str], words: _Words) -> None:
        char = self._next()
        if char != self._lexer.escape:
            words.add(char)
            result.append(char)
            return
        kept = char if self._raw_escapes else ""
        escaped = kept + self._next()
        if escaped:
            words.add_raw(escaped)
            result.append(escaped)

    def _quotes(self, text: str, mark: str) -> str:
        return f"{mark}{text}{mark}" if self._lexer.raw_quotes else text

    def _single_quoted(self) -> str:
        end = self._text.find("'", self._position + 1)
        if end < 0:
            self._position = len(self._text)
            raise InvalidParameterError(
                "unexpected end of statement while looking for matching single-quote"
            )
        inner = self._text[self._position + 1 : end]
        self._position = end + 1
        return self._quotes(inner, "'")

    def _double_quoted(self) -> str:
        self._position += 1
        result: list[str] = []
        while not self._at_end:
            char = self._peek()
            if char == '"':
                self._position += 1
                return self._quotes("".join(result), '"')
            result.append(self._dollar() if char == "$" else self._in_double_quotes())
        raise InvalidParameterError(
            "unexpected end of statement while looking for matching double-quote"
        )

    def _in_double_quotes(self) -> str:
        """Only quotes, dollars and the escape itself can be escaped between double quotes."""
        char = self._next()
        if char != self._lexer.escape:
            return char
        kept = char if self._raw_escapes else ""
        following = self._peek()
        if not following:
            return kept
        if following in ('"', "$", self._lexer.escape):
            self._position += 1
            return kept + following
        return kept + char

    def _heredoc_mark(self) -> str:
        """``<<`` takes the white space behind it along, so that the word stays one."""
        self._position += 1
        if self._peek() != "<":
            return "<"
        self._position += 1
        start = self._position
        while self._peek() and self._peek() in "\t\r ":
            self._position += 1
        return "<<" + self._text[start : self._position]

    def _lookup(self, name: str) -> str | None:
        value = self._env.get(name)
        (self.unmatched if value is None else self.matched)[name] = None
        return value

    def _name(self) -> str:
        start = self._position
        char = self._peek()
        if char.isdigit():
            while self._peek().isdigit():
                self._position += 1
        elif char and char in _SPECIAL:
            self._position += 1
        else:
            while self._peek().isalnum() or self._peek() == "_":
                self._position += 1
        return self._text[start : self._position]

    def _dollar(self) -> str:
        self._position += 1
        if self._peek() == "{":
            self._position += 1
            return self._braced()
        name = self._name()
        if not name:
            return "$"
        value = self._lookup(name)
        if value is None:
            return f"${name}" if self._lexer.keep_unset else ""
        return value

    def _braced(self) -> str:
        if self._at_end:
            raise InvalidParameterError("syntax error: missing '}'")
        if self._peek() in "{}:":
            raise InvalidParameterError("syntax error: bad substitution")
        name = self._name()
        modifier = self._next()
        if modifier == "}":
            value = self._lookup(name)
            if value is None:
                return f"${{{name}}}" if self._lexer.keep_unset else ""
            return value
        if modifier == "/":
            return self._replaced(name)
        return self._modified(name, modifier)

    def _modified(self, name: str, modifier: str) -> str:
        colon = modifier == ":"
        kind = self._next() if colon else modifier
        written = ":" + kind if colon else kind
        if not kind and not colon:
            raise InvalidParameterError("syntax error: missing '}'")
        if not kind or kind not in ("-+?" if colon else "-+?#%"):
            raise InvalidParameterError(f"unsupported modifier ({written}) in substitution")
        word = self._operand("}", kind in "#%", "syntax error: missing '}'")
        value = self._lookup(name)
        if value is None and self._lexer.keep_unset:
            return f"${{{name}{written}{word}}}"
        if kind in "#%":
            return _trimmed(value or "", kind, word)
        return _chosen(name, value, kind, word, colon)

    def _operand(self, stop: str, raw_escapes: bool, missing: str) -> str:
        try:
            return self.until(stop, raw_escapes)[0]
        except InvalidParameterError:
            if self._at_end:
                raise InvalidParameterError(missing) from None
            raise

    def _replaced(self, name: str) -> str:
        everywhere = self._peek() == "/"
        if everywhere:
            self._position += 1
        pattern = self._operand("/", True, "syntax error: missing '/' in ${}")
        by = self._operand("}", True, "syntax error: missing '}'")
        value = self._lookup(name)
        if value is None and self._lexer.keep_unset:
            return f"${{{name}/{pattern}/{by}}}"
        try:
            return wildcard.replace(value or "", pattern, by, everywhere=everywhere)
        except InvalidParameterError as error:
            raise _bad_pattern(pattern, error) from None


def _chosen(name: str, value: str | None, kind: str, word: str, colon: bool) -> str:
    missing = value is None or (colon and not value)
    if kind == "+":
        return "" if missing else word
    if not missing:
        return value or ""
    if kind == "-":
        return word
    state = "unset" if value is None else "empty"
    raise InvalidParameterError(f"{name}: {word or f'is not allowed to be {state}'}")


def _trimmed(value: str, kind: str, word: str) -> str:
    """A doubled sign asks for the longest match."""
    longest = word.startswith(kind)
    pattern = word[1:] if longest else word
    trim = wildcard.trim_prefix if kind == "#" else wildcard.trim_suffix
    try:
        return trim(value, pattern, longest=longest)
    except InvalidParameterError as error:
        raise _bad_pattern(pattern, error) from None


def _bad_pattern(pattern: str, error: InvalidParameterError) -> InvalidParameterError:
    return InvalidParameterError(f"invalid pattern ({pattern}) in substitution: {error}")
