"""Streams of progress messages (pull, push, load, import), shown as Docker shows them."""

import os

from boxship import units
from boxship.cli.errors import CliError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TextIO

    Message = Mapping[str, Any]

_BAR_WIDTH = 50
_LEAST_WIDTH_FOR_BAR = 110


class ProgressDisplay:
    """Shows messages on a text stream.

    On a terminal each layer keeps its line and a bar; elsewhere only the steps are printed.
    """

    def __init__(self, stream: "TextIO") -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._lines: dict[str, int] = {}
        self._width = os.get_terminal_size(stream.fileno()).columns if self._is_terminal else 0

    def show(
        self, messages: "Iterable[Message]", on_aux: "Callable[[Any], None] | None" = None
    ) -> None:
        """Show all. on_aux: receives data that is not for display. Raises CliError."""
        try:
            for message in messages:
                self._raise_error(message)
                if message.get("aux") is not None:
                    if on_aux:
                        on_aux(message["aux"])
                    continue
                self._show_one(message)
        finally:
            self._stream.flush()

    def _raise_error(self, message: "Message") -> None:
        detail = message.get("errorDetail") or {}
        text = detail.get("message") or message.get("error")
        if text:
            raise CliError(str(text))  # as Docker: only answers that fail begin with "Error"

    def _show_one(self, message: "Message") -> None:
        moved = self._move_to_line(message)
        self._print(message)
        if moved:
            self._stream.write(f"\x1b[{moved}B")
        if self._is_terminal:
            self._stream.flush()

    def _move_to_line(self, message: "Message") -> int:
        """Go to the line of the message's layer; returns how many lines up that is."""
        layer = message.get("id") or ""
        if not layer or message.get("progressDetail") is None:
            self._lines.clear()
            return 0
        if layer not in self._lines:
            self._lines[layer] = len(self._lines)
            if self._is_terminal:
                self._stream.write("\n")
        up = len(self._lines) - self._lines[layer]
        if not self._is_terminal:
            return 0
        self._stream.write(f"\x1b[{up}A")
        return up

    def _print(self, message: "Message") -> None:
        detail = message.get("progressDetail")
        bar = progress_text(detail, self._width) if detail else ""
        if detail is not None and self._is_terminal and not message.get("stream"):
            prefix, end = "\x1b[2K\r", "\r"
        elif bar:
            return
        else:
            prefix, end = "", "\n"
        layer = f"{message['id']}: " if message.get("id") else ""
        if message.get("stream"):
            self._stream.write(f"{prefix}{layer}{message['stream']}")
            return
        status = message.get("status") or ""
        text = f"{status} {bar}" if end == "\r" else status
        self._stream.write(f"{prefix}{layer}{text}{end}")


def progress_text(detail: "Mapping[str, Any]", width: int) -> str:
    """``[====>    ]  1.2MB/3.4MB``; empty when the detail holds no numbers."""
    current, total = detail.get("current") or 0, detail.get("total") or 0
    if current <= 0 and total <= 0:
        return ""
    in_bytes = not detail.get("units")
    shown = units.human_size(current) if in_bytes else str(current)
    if total <= 0:
        return f"{shown:>8}"
    bar = ""
    if width > _LEAST_WIDTH_FOR_BAR:
        done = min(int(current * _BAR_WIDTH / total), _BAR_WIDTH)
        bar = f"[{'=' * done}>{' ' * (_BAR_WIDTH - done)}] "
    whole = units.human_size(total) if in_bytes else f"{total} {detail['units']}"
    return f"{bar}{shown:>8}/{whole}" if current <= total else f"{bar}{shown:>8}"
