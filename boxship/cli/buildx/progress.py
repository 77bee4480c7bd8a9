"""Progress as BuildKit's clients print it without a terminal (``--progress plain``)."""

import time
from collections.abc import Callable

from boxship.cli.errors import CliError
from boxship.errors import BoxshipError

MODES = ("auto", "plain", "tty", "quiet", "none")
"""A terminal gets the same lines as everything else."""
_SILENT = ("quiet", "none")
_NAME_LENGTH = 72


class PlainProgress:
    """Numbers steps; each says its name, its lines with the seconds so far, and its end."""

    def __init__(
        self, mode: str, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        if mode not in MODES:
            raise CliError(f"invalid progress mode {mode!r}: one of {', '.join(MODES)}")
        self._write = (lambda _: None) if mode in _SILENT else write
        self._clock = clock
        self._steps = 0

    def step(self, name: str) -> "Step":
        """Begin a step, as a context manager."""
        self._steps += 1
        if self._steps > 1:
            self._write("")
        shown = name if len(name) <= _NAME_LENGTH else f"{name[:_NAME_LENGTH]}..."
        return Step(f"#{self._steps}", shown, self._write, self._clock)


class Step:
    """What is under way."""

    def __init__(
        self, mark: str, name: str, write: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        self._mark = mark
        self._write = write
        self._clock = clock
        self._began = clock()
        write(f"{mark} {name}")

    def log(self, line: str) -> None:
        """Print a line, with the seconds since the beginning in four digits."""
        seconds = self._clock() - self._began
        decimals = 3 if seconds < 10 else 2 if seconds < 100 else 1
        self._write(f"{self._mark} {seconds:.{decimals}f} {line}")

    def __enter__(self) -> "Step":
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            self._write(f"{self._mark} DONE {self._clock() - self._began:.1f}s")
        elif isinstance(error, BoxshipError):
            self._write(f"{self._mark} ERROR: {error}")
