"""Text of a template to tokens (the lexical grammar of Go's text/template)."""

from boxship.gotemplate.format import quote

LEFT, RIGHT = "{{", "}}"
KEYWORDS = frozenset(
    {
        "block",
        "break",
        "continue",
        "define",
        "else",
        "end",
        "if",
        "nil",
        "range",
        "template",
        "with",
    }
)
_SPACES = " \t\r\n"
_DIGITS = "0123456789"


class Token:
    """One token. kind: a keyword itself, or one of the names that the lexer below emits."""

    __slots__ = ("kind", "pos", "text")

    def __init__(self, kind: str, pos: int, text: str) -> None:
        self.kind = kind
        self.pos = pos
        self.text = text

    def __str__(self) -> str:
        if self.kind == "eof":
            return "EOF"
        if self.kind == "error":
            return self.text
        if self.kind == "dot" or self.kind in KEYWORDS:
            return f"<{self.text}>"
        if len(self.text) > 10:
            return f"{quote(self.text[:10])}..."
        return quote(self.text)


class LexError(Exception):
    """Lexing cannot go on; becomes an error token, so that earlier errors are reported first."""


def tokenize(text: str) -> list[Token]:
    """Split a template into tokens; the last one is ``eof`` or ``error``."""
    lexer = _Lexer(text)
    try:
        lexer.run()
        lexer.emit("eof", len(text))
    except LexError as error:
        lexer.tokens.append(Token("error", lexer.start, str(error)))
    return lexer.tokens


def _is_word(char: str) -> bool:
    return char == "_" or char.isalpha() or char.isdigit()


def _code_point(char: str) -> str:
    return f"U+{ord(char):04X} '{char}'" if char.isprintable() else f"U+{ord(char):04X}"


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.start = 0
        self.depth = 0
        self.tokens: list[Token] = []

    def emit(self, kind: str, end: int) -> None:
        self.tokens.append(Token(kind, self.start, self.text[self.start : end]))
        self.pos = self.start = end

    def peek(self, ahead: int = 0) -> str:
        index = self.pos + ahead
        return self.text[index] if index < len(self.text) else ""

    def run(self) -> None:
        trim_next = False
        while True:
            action = self.text.find(LEFT, self.pos)
            trim_this = action >= 0 and self._trims_left(action)
            self._emit_text(len(self.text) if action < 0 else action, trim_next, trim_this)
            if action < 0:
                return
            trim_next = self._action(trim_this)

    def _trims_left(self, action: int) -> bool:
        follow = self.text[action + 2 : action + 4]
        return len(follow) == 2 and follow[0] == "-" and follow[1] in _SPACES

    def _emit_text(self, end: int, trim_left: bool, trim_right: bool) -> None:
        text = self.text[self.pos : end]
        shown = text.lstrip(_SPACES) if trim_left else text
        start = end - len(shown)
        shown = shown.rstrip(_SPACES) if trim_right else shown
        if shown:
            self.tokens.append(Token("text", start, shown))
        self.pos = self.start = end

    def _action(self, trimmed: bool) -> bool:
        """Lex ``{{ … }}``; tell whether it trims the text that follows."""
        marker = 2 if trimmed else 0
        if self.text.startswith("/*", self.pos + 2 + marker):
            return self._comment(self.pos + 2 + marker)
        self.emit("left", self.pos + 2)
        self.pos = self.start = self.pos + marker
        self.depth = 0
        while True:
            trim, closing = self._at_right()
            if closing:
                if self.depth:
                    raise LexError("unclosed left paren")
                self.start += 2 if trim else 0
                self.emit("right", self.start + 2)
                return trim
            self._inside()

    def _at_right(self) -> tuple[bool, bool]:
        trim = self.peek() != "" and self.peek() in _SPACES
        trim = trim and self.text.startswith("-" + RIGHT, self.pos + 1)
        return trim, trim or self.text.startswith(RIGHT, self.pos)

    def _comment(self, begin: int) -> bool:
        end = self.text.find("*/", begin + 2)
        if end < 0:
            raise LexError("unclosed comment")
        self.pos = self.start = end + 2
        trim, closing = self._at_right()
        if not closing:
            raise LexError("comment ends before closing delimiter")
        self.pos = self.start = self.pos + (4 if trim else 2)
        return trim

    def _inside(self) -> None:
        char = self.peek()
        if char == "":
            raise LexError("unclosed action")
        if char in _SPACES:
            self._space()
        elif char in "\"`'":
            self._quoted(char)
        elif char in "$.":
            self._field_or_variable(char)
        elif char in "+-" + _DIGITS:
            self._number()
        elif _is_word(char):
            self._identifier()
        else:
            self._punctuation(char)

    def _space(self) -> None:
        end = self.pos
        while end < len(self.text) and self.text[end] in _SPACES:
            # " -}}" belongs to the closing delimiter, not to the run of spaces.
            if end > self.pos and self.text.startswith("-" + RIGHT, end + 1):
                break
            end += 1
        self.emit("space", end)

    def _punctuation(self, char: str) -> None:
        if char == ":":
            if self.peek(1) != "=":
                raise LexError("expected :=")
            self.emit("declare", self.pos + 2)
            return
        self.depth += {"(": 1, ")": -1}.get(char, 0)
        if self.depth < 0:
            raise LexError("unexpected right paren")
        if not (char.isascii() and char.isprintable()):
            raise LexError(f"unrecognized character in action: {_code_point(char)}")
        kinds = {"=": "assign", "|": "pipe", "(": "lparen", ")": "rparen"}
        self.emit(kinds.get(char, "char"), self.pos + 1)

    def _quoted(self, quote: str) -> None:
        names = {'"': "quoted string", "`": "raw quoted string", "'": "character constant"}
        kinds = {'"': "string", "`": "raw", "'": "charconst"}
        end = self.pos + 1
        while end < len(self.text) and self.text[end] != quote:
            if quote != "`":
                end += 1 if self.text[end] == "\\" else 0
                if self.text[end : end + 1] == "\n":
                    break
            end += 1
        if self.text[end : end + 1] != quote:
            raise LexError(f"unterminated {names[quote]}")
        self.emit(kinds[quote], end + 1)

    def _word_end(self, begin: int) -> int:
        """The end of the word at begin; refuses a character that cannot follow a word."""
        end = begin
        while end < len(self.text) and _is_word(self.text[end]):
            end += 1
        after = self.text[end : end + 1]
        if after and after not in _SPACES + ".,|:)(=" and not self.text.startswith("}", end):
            self.start = begin
            raise LexError(f"bad character {_code_point(after)}")
        return end

    def _field_or_variable(self, char: str) -> None:
        if char == "." and self.peek(1) != "" and self.peek(1) in _DIGITS:
            self._number()
            return
        end = self._word_end(self.pos + 1)
        kind = "variable" if char == "$" else "field"
        self.emit("dot" if char == "." and end == self.pos + 1 else kind, end)

    def _identifier(self) -> None:
        end = self._word_end(self.pos)
        word = self.text[self.pos : end]
        if word in KEYWORDS:
            self.emit(word, end)
        else:
            self.emit("bool" if word in ("true", "false") else "ident", end)

    def _number(self) -> None:
        end = self.pos + (1 if self.peek() in "+-" else 0)
        while end < len(self.text):
            char = self.text[end]
            hexadecimal = self.text[self.pos : end].lstrip("+-")[:2].lower() == "0x"
            sign = char in "+-" and self.text[end - 1] in ("pP" if hexadecimal else "eE")
            if not (_is_word(char) or char == "." or sign):
                break
            end += 1
        self.emit("number", end)
