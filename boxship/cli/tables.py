"""Columns of text, aligned as Docker aligns them, and the ``--format`` flag.

Docker uses Go's tabwriter with a least width of 10 and 3 blanks between.
"""

from boxship.client import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Row = Mapping[str, Any]

_PADDING = 3


def align(lines: "Sequence[Sequence[str]]", least_width: int = 10) -> str:
    """Lay out cells in columns; each line ends with a line break. A line's last cell is not padded.

    As in tabwriter, a column ends where a line has no cell in it, so that lines with fewer cells
    part blocks whose widths differ.
    """
    widths = _column_widths(lines, least_width)
    texts = []
    for line, line_widths in zip(lines, widths, strict=True):
        cells = [cell.ljust(width) for cell, width in zip(line, line_widths, strict=False)]
        texts.append("".join(cells) + (line[-1] if line else "") + "\n")
    return "".join(texts)


def _column_widths(lines: "Sequence[Sequence[str]]", least_width: int) -> list[list[int]]:
    """For each line the width of each cell but its last."""
    widths: list[list[int]] = [[0] * max(len(line) - 1, 0) for line in lines]
    for column in range(max((len(row) for row in widths), default=0)):
        start = 0
        while start < len(lines):
            end = start
            while end < len(lines) and column < len(widths[end]):
                end += 1
            block = range(start, end)
            longest = max((len(lines[index][column]) for index in block), default=0)
            for index in block:
                widths[index][column] = max(longest + _PADDING, least_width)
            start = max(end, start + 1)
    return widths


class Listing:
    """A kind of table.

    headers: field -> column title, for all fields that --format can name; columns: the fields of
    the default table, in order; key: the field that --quiet prints.
    """

    def __init__(self, headers: "Mapping[str, str]", columns: "Sequence[str]", key: str) -> None:
        self.headers = headers
        self.columns = columns
        self.key = key

    def render(self, rows: "Sequence[Row]", text: str = "", *, quiet: bool = False) -> str:
        """The output for rows. text: the value of --format. Raises InvalidParameterError."""
        if quiet and text in ("", "table"):
            return "".join(f"{row[self.key]}\n" for row in rows)
        if text in ("", "table"):
            lines = [[self.headers[name] for name in self.columns]]
            lines += [[str(row[name]) for name in self.columns] for row in rows]
            return align(lines)
        if text in ("json", "{{json .}}"):
            return "".join(_json_line(self.headers, row) for row in rows)
        if text.startswith("table"):
            return self._custom_table(rows, text[len("table") :].strip(" "))
        render = template(text)
        return "".join(render(row) + "\n" for row in rows)

    def _custom_table(self, rows: "Sequence[Row]", text: str) -> str:
        titles = {**self.headers, "Label": lambda name: name}
        lines = [template(text, header=True)(titles)]
        lines += map(template(text), rows)
        return align([line.split("\t") for line in lines])


def _json_line(headers: "Mapping[str, str]", row: "Row") -> str:
    fields = {name: row[name] for name in sorted(headers) if name in row}
    return html_escaped(jsontext.dumps(fields)) + "\n"


def html_escaped(json_text: str) -> str:
    """JSON as Go writes it by default: safe to put into a web page."""
    for char, escape in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        json_text = json_text.replace(char, escape)
    return json_text


def template(text: str, *, header: bool = False) -> "Callable[[Any], str]":
    """Compile a Go template given on the command line; ``\\t`` and ``\\n`` are escapes in it.

    header: the data are column titles, which the template's functions leave as they are. Raises
    InvalidParameterError, also when rendering.
    """
    from boxship import gotemplate

    compiled = gotemplate.compile(text.replace("\\t", "\t").replace("\\n", "\n"))
    return lambda data: compiled.render(data, header=header)
