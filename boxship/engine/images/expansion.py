"""Variables, quotes and escapes in Dockerfile instructions ("Environment replacement")."""

from collections.abc import Callable, Mapping

from boxship.errors import InvalidParameterError

_ESCAPE = "\\"
_QUOTES = "'\""
_MAX_DEPTH = 100
"""How deep ``${a:-${b:-…}}`` may go."""


def raw_words(text: str) -> list[str]:
    """Split at white space that is neither quoted nor escaped; quotes and escapes stay."""
    words: list[str] = []
    word = quote = ""
    characters = iter(text)
    for character in characters:
        if character == _ESCAPE and quote != "'":
            word += character + next(characters, "")
        elif character.isspace() and not quote:
            words += [word] if word else []
            word = ""
        else:
            word += character
            if character == quote:
                quote = ""
            elif not quote and character in _QUOTES:
                quote = character
    return [*words, word] if word else words


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$name``, ``${name}`` and their forms; undo quotes and escapes.

    ``${name-word} ${name+word} ${name?word}``, each with a colon to count an empty value as
    unset. Raises InvalidParameterError for what is not closed, and in the case of ``?``.
    """
    return _Expansion(text, variables).until("")


class _Expansion:
    def __init__(self, text: str, variables: Mapping[str, str]) -> None:
        self._text = text
        self._variables = variables
        self._position = 0
        self._depth = 0

    def until(self, stop: str) -> str:
        """Expand up to the character ``stop``, which is taken, or to the end."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise InvalidParameterError("syntax error: substitutions are nested too deeply")
        result = ""
        while character := self._next():
            if character == stop:
                self._depth -= 1
                return result
            result += self._special(character)
        if stop:
            raise InvalidParameterError(f"syntax error: missing '{stop}'")
        return result

    def _special(self, character: str) -> str:
        if character == "$":
            return self._dollar()
        if character == "'":
            return self._single_quoted()
        if character == '"':
            return self._double_quoted()
        return self._next() if character == _ESCAPE else character

    def _single_quoted(self) -> str:
        end = self._text.find("'", self._position)
        if end < 0:
            raise _open("single")
        start, self._position = self._position, end + 1
        return self._text[start:end]

    def _double_quoted(self) -> str:
        """Only quotes, dollars and the escape itself can be escaped here."""
        result = ""
        while character := self._next():
            if character == '"':
                return result
            if character == "$":
                result += self._dollar()
            elif character == _ESCAPE and self._peek() in ('"', "$", _ESCAPE):
                result += self._next()
            else:
                result += character
        raise _open("double")

    def _dollar(self) -> str:
        if self._peek() == "{":
            self._next()
            return self._braced()
        name = self._name()
        return self._variables.get(name, "") if name else "$"

    def _braced(self) -> str:
        name = self._name()
        if not name:
            raise InvalidParameterError("syntax error: bad substitution")
        value = self._variables.get(name)
        sign = self._next()
        if sign == "}":
            return value or ""
        if is_colon := sign == ":":
            sign = self._next()
        choose = _FORMS.get(sign)
        if choose is None:
            written = ":" * is_colon + sign
            raise InvalidParameterError(f"unsupported modifier ({written}) in substitution")
        word = self.until("}")
        return choose(name, (value or None) if is_colon else value, word)

    def _name(self) -> str:
        start = self._position
        if self._peek().isdigit():
            self._take(str.isdigit)
        elif self._peek() and self._peek() in "@*#?-$!0":
            self._position += 1
        else:
            self._take(lambda character: character.isalnum() or character == "_")
        return self._text[start : self._position]

    def _take(self, belongs: Callable[[str], bool]) -> None:
        while self._peek() and belongs(self._peek()):
            self._position += 1

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _next(self) -> str:
        character = self._peek()
        self._position += 1
        return character


def _required(name: str, value: str | None, word: str) -> str:
    if value is None:
        raise InvalidParameterError(f"{name}: {word or 'is not allowed to be unset'}")
    return value


_FORMS: dict[str, Callable[[str, str | None, str], str]] = {
    "-": lambda _, value, word: word if value is None else value,
    "+": lambda _, value, word: "" if value is None else word,
    "?": _required,
}


def _open(kind: str) -> InvalidParameterError:
    return InvalidParameterError(
        f"unexpected end of statement while looking for matching {kind}-quote"
    )
