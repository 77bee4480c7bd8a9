"""A Dockerfile's text: directives, comments, continued lines, heredocs, and where all that is.

Source of behaviour: BuildKit's ``parser`` package, and the Dockerfile reference ("Format",
"Parser directives", "Here-Documents"). Blank lines part a comment from the instruction below it,
as the reference says of descriptions.
"""

import bisect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from boxship.engine.build.frontend.errors import DockerfileError
from boxship.engine.build.frontend.expand import SPACE
from boxship.engine.build.frontend.place import Place
from boxship.engine.build.frontend.words import (
    Heredoc,
    heredocs_in,
    parse_json,
    split_flags,
    split_keyword,
)
from boxship.errors import InvalidParameterError

MAX_LINE_BYTES = 65_535
"""A longer line is refused, as BuildKit does."""

DIRECTIVES = ("syntax", "escape", "check")
_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*")
_HEREDOC_KEYWORDS = ("add", "copy", "run")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Directive:
    """``# name=value`` above everything else."""

    name: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Where a part of an instruction's text comes from."""

    offset: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One instruction's text: continued lines joined, comments inside taken out."""

    text: str
    filename: str
    start: int
    end: int
    pieces: tuple[Piece, ...]
    lines: tuple[str, ...]
    """The lines from start to end as they are written."""
    comments: tuple[str, ...] = ()
    """The comment lines directly above, without their ``#``."""
    heredocs: tuple[Heredoc, ...] = ()
    empty_continuation: int = 0
    """The last line of an instruction that has an empty line inside; else 0."""

    @property
    def place(self) -> Place:
        """The instruction's first character."""
        return self.place_at(0)

    def place_at(self, offset: int) -> Place:
        """The place of a character of the text."""
        index = bisect.bisect_right([piece.offset for piece in self.pieces], offset) - 1
        piece = self.pieces[max(index, 0)]
        line_text = self.lines[piece.line - self.start]
        column = piece.column + offset - piece.offset
        return Place(self.filename, piece.line, column, self.end, line_text)

    def place_of(self, token: str) -> Place:
        """The place of a word behind the instruction's name; else of the first word there."""
        keyword, rest = split_keyword(self.text)
        start = self.text.find(keyword) + len(keyword)
        found = self.text.find(token, start) if token else -1
        if found < 0:
            found = len(self.text) - len(self.text[start:].lstrip(SPACE)) if rest else start
        return self.place_at(found)


@dataclass(frozen=True, slots=True)
class Source:
    """A whole Dockerfile before its instructions are understood."""

    filename: str
    text: str
    escape: str
    directives: tuple[Directive, ...]
    statements: tuple[Statement, ...]

    def line(self, number: int) -> str:
        """One line as it is written."""
        return split_lines(self.text)[number - 1].rstrip("\r\n")


def decode(data: bytes) -> str:
    """Bytes of a file as text; bytes that are not UTF-8 survive as lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def split_lines(text: str) -> list[str]:
    """Cut behind every line feed; other line ends of Unicode do not count."""
    lines = text.split("\n")
    ended = [line + "\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def directive(name: str, text: str, *, any_format: bool = False) -> Directive | None:
    """Find a parser directive; a ``#!`` line above does not end the search.

    With ``any_format`` (for ``syntax``) also ``// name=value`` and a JSON object are read.
    """
    text = text.removeprefix(_BOM)
    skipped = 0
    if text.startswith("#!"):
        text, skipped = text.partition("\n")[2], 1
    for mark in ("#", "//") if any_format else ("#",):
        for found in _directives(split_lines(text), mark, skipped):
            if found.name == name:
                return found
    return _json_directive(name, text, skipped + 1) if any_format else None


def _directives(lines: list[str], mark: str, skipped: int) -> Iterator[Directive]:
    for number, line in enumerate(lines, skipped + 1):
        found = _read_directive(line.rstrip("\r\n"), mark, number)
        if found is None:
            return
        yield found


def _read_directive(line: str, mark: str, number: int) -> Directive | None:
    if not line.startswith(mark):
        return None
    match = _DIRECTIVE.fullmatch(line[len(mark) :].lstrip(SPACE))
    if match is None or match[1].lower() not in DIRECTIVES:
        return None
    return Directive(match[1].lower(), match[2], number)


def _json_directive(name: str, text: str, number: int) -> Directive | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    value = found.get(name) if isinstance(found, dict) else None
    return Directive(name, value, number) if isinstance(value, str) else None


def read(text: str, filename: str = "Dockerfile") -> Source:
    """Cut a Dockerfile into statements.

    Raises DockerfileError for a directive given twice, a bad escape, a heredoc without an end, a
    line of more than 65,535 bytes, and a file without instructions.
    """
    return _Reader(text, filename).read()


class _Reader:
    """Walks over the lines once."""

    def __init__(self, text: str, filename: str) -> None:
        self._text = text
        self._filename = filename
        self._lines = split_lines(text.removeprefix(_BOM))
        self._next = 0
        self._escape = "\\"
        self._directives: dict[str, Directive] = {}
        self._comments: list[str] = []
        self._statements: list[Statement] = []

    def read(self) -> Source:
        self._read_directives()
        while (line := self._take()) is not None:
            self._read_line(line)
        if not self._statements:
            raise self._fault("file with no instructions", len(self._lines))
        return Source(
            self._filename,
            self._text,
            self._escape,
            tuple(self._directives.values()),
            tuple(self._statements),
        )

    def _fault(self, message: str, line: int, end: int = 0) -> DockerfileError:
        text = self._lines[line - 1].rstrip("\r\n") if 0 < line <= len(self._lines) else ""
        return DockerfileError(message, Place(self._filename, line, 1, max(line, end), text))

    def _take(self) -> str | None:
        if self._next == len(self._lines):
            return None
        line = self._lines[self._next]
        self._next += 1
        if len(line) * 4 > MAX_LINE_BYTES:
            self._check_length(line)
        return line

    def _check_length(self, line: str) -> None:
        # Each byte that was not UTF-8 is one lone surrogate, which counts as one byte.
        if len(line.encode("utf-8", "replace")) > MAX_LINE_BYTES:
            raise self._fault(
                f"dockerfile line greater than max allowed size of {MAX_LINE_BYTES}", self._next
            )

    def _read_directives(self) -> None:
        for found in _directives([line.lstrip(SPACE) for line in self._lines], "#", 0):
            if found.name in self._directives:
                raise self._fault(f"only one {found.name} parser directive can be used", found.line)
            self._directives[found.name] = found
            self._take()
            if found.name == "escape":
                self._set_escape(found)

    def _set_escape(self, found: Directive) -> None:
        if found.value not in ("\\", "`"):
            raise self._fault(
                f"invalid escape token '{found.value}' does not match ` or \\", found.line
            )
        self._escape = found.value

    def _read_line(self, line: str) -> None:
        stripped = line.strip(SPACE)
        if stripped.startswith("#"):
            comment = stripped[1:].strip(SPACE)
            self._comments = [*self._comments, comment] if comment else []
        elif not stripped:
            self._comments = []
        else:
            self._read_statement(line)
            self._comments = []

    def _read_statement(self, line: str) -> None:
        start = self._next
        text, pieces, empty = self._join(line)
        last = self._next
        heredocs = self._read_heredocs(text, start)
        self._statements.append(
            Statement(
                text,
                self._filename,
                start,
                self._next,
                tuple(pieces),
                tuple(one.rstrip("\r\n") for one in self._lines[start - 1 : self._next]),
                tuple(self._comments),
                heredocs,
                last if empty else 0,
            )
        )

    def _join(self, line: str) -> tuple[str, list[Piece], bool]:
        """Put continued lines together; comments inside go, empty lines go and are told."""
        first = line.rstrip("\r\n")
        body = first.lstrip(SPACE)
        pieces = [Piece(0, self._next, len(first) - len(body) + 1)]
        part, continued = self._cut_continuation(body)
        parts, length, empty = [part], len(part), False
        while continued and (following := self._take()) is not None:
            body = following.rstrip("\r\n")
            if body.lstrip(SPACE).startswith("#"):
                continue
            if not body.strip(SPACE):
                empty = True
                continue
            part, continued = self._cut_continuation(body)
            pieces.append(Piece(length, self._next, 1))
            parts.append(part)
            length += len(part)
        return "".join(parts), pieces, empty

    def _cut_continuation(self, line: str) -> tuple[str, bool]:
        """A lone escape at the end, blanks behind it allowed, continues the line."""
        kept = line.rstrip(" \t")
        if kept.endswith(self._escape) and not kept.endswith(self._escape * 2):
            return kept[:-1], True
        return line, False

    def _read_heredocs(self, text: str, start: int) -> tuple[Heredoc, ...]:
        if "<<" not in text or not _may_have_heredocs(text, self._escape):
            return ()
        try:
            announced = heredocs_in(text)
        except InvalidParameterError as error:
            raise self._fault(str(error), start, self._next) from None
        return tuple(self._read_heredoc(heredoc, start) for heredoc in announced)

    def _read_heredoc(self, heredoc: Heredoc, start: int) -> Heredoc:
        content: list[str] = []
        while (line := self._take()) is not None:
            end = line.rstrip("\r\n")
            if (end.lstrip("\t") if heredoc.chomp else end) == heredoc.name:
                return Heredoc(
                    heredoc.name, heredoc.expand, heredoc.chomp, heredoc.fd, "".join(content)
                )
            content.append(line)
        raise self._fault("unterminated heredoc", start, self._next)


def _may_have_heredocs(text: str, escape: str) -> bool:
    """Only ADD, COPY and RUN in the shell form announce documents, under ONBUILD too."""
    keyword, rest = split_keyword(text)
    if keyword.lower() == "onbuild":
        keyword, rest = split_keyword(split_flags(rest, escape)[1])
    if keyword.lower() not in _HEREDOC_KEYWORDS:
        return False
    try:
        return parse_json(split_flags(rest, escape)[1]) is None
    except InvalidParameterError:
        return False
