"""What is wrong in a Dockerfile, and where."""

from boxship.engine.build.frontend.place import NOWHERE, Place
from boxship.errors import InvalidParameterError

PARSE_PREFIX = "dockerfile parse error on line {line}: "
"""BuildKit's words before everything that is wrong with one instruction."""


class DockerfileError(InvalidParameterError):
    """A Dockerfile cannot be built as it is written.

    ``str(error)`` is one line in BuildKit's words (``dockerfile parse error on line 1: unknown
    instruction: FORM (did you mean FROM?)``); ``excerpt`` shows the line with a mark below it.
    """

    def __init__(
        self,
        message: str,
        place: Place = NOWHERE,
        *,
        suggestion: str = "",
        of_instruction: bool = False,
    ) -> None:
        self.place = place
        self.suggestion = suggestion
        self.reason = f"{message} (did you mean {suggestion}?)" if suggestion else message
        prefix = PARSE_PREFIX.format(line=place.line) if of_instruction else ""
        super().__init__(prefix + self.reason)

    @property
    def filename(self) -> str:
        """The Dockerfile's name, as it was given to ``parse``."""
        return self.place.filename

    @property
    def line(self) -> int:
        """The line, counted from 1; 0 when the fault is in no one line."""
        return self.place.line

    @property
    def column(self) -> int:
        """The column, counted from 1 in characters."""
        return self.place.column

    @property
    def excerpt(self) -> str:
        """``Dockerfile:3:5``, the line, and a mark below the column; empty without a place."""
        return self.place.excerpt

    @property
    def full_text(self) -> str:
        """The message with the excerpt below it, for a terminal."""
        return f"{self}\n{self.excerpt}" if self.excerpt else str(self)
