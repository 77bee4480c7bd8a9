"""Places in a Dockerfile."""

from dataclasses import dataclass

MAX_EXCERPT = 160
"""How many characters of a line an excerpt shows."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point in a file; lines and columns count from 1, 0 means none."""

    filename: str = "Dockerfile"
    line: int = 0
    column: int = 0
    end_line: int = 0
    """The last line of the instruction to which the point belongs."""
    line_text: str = ""
    """The line as it is written."""

    @property
    def lines(self) -> tuple[int, ...]:
        """Every line of the instruction."""
        return tuple(range(self.line, max(self.line, self.end_line) + 1)) if self.line else ()

    @property
    def excerpt(self) -> str:
        """The line with its place above and a mark below; empty without a line."""
        if not self.line:
            return ""
        text, column = _window(self.line_text, max(self.column, 1))
        mark = "".join("\t" if char == "\t" else " " for char in text[: column - 1]) + "^"
        return f"{self.filename}:{self.line}:{max(self.column, 1)}\n  {text}\n  {mark}"


NOWHERE = Place()


def _window(text: str, column: int) -> tuple[str, int]:
    """Cut a long line around the column."""
    printable = "".join(char if char.isprintable() or char == "\t" else "�" for char in text)
    if len(printable) <= MAX_EXCERPT:
        return printable, column
    start = max(0, column - 1 - MAX_EXCERPT // 2)
    shown = printable[start : start + MAX_EXCERPT]
    before = "…" if start else ""
    after = "…" if start + MAX_EXCERPT < len(printable) else ""
    return before + shown + after, column - start + len(before)
