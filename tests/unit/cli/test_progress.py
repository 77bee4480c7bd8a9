"""Progress messages on a terminal and elsewhere."""

import io
import os
from typing import Any

import pytest

from boxship.cli.errors import CliError
from boxship.cli.progress import ProgressDisplay, progress_text

MESSAGES: list[dict[str, Any]] = [
    {"status": "Pulling from library/x", "id": "latest"},
    {"status": "Pulling fs layer", "progressDetail": {}, "id": "aaa"},
    {"status": "Downloading", "progressDetail": {"current": 1, "total": 2}, "id": "aaa"},
    {"status": "Pull complete", "progressDetail": {}, "id": "aaa"},
    {"aux": {"ID": "x"}},
    {"status": "Digest: sha256:0"},
    {"stream": "Loaded image: x\n"},
]


def test_elsewhere_only_steps_are_printed() -> None:
    stream = io.StringIO()
    seen: list[Any] = []
    ProgressDisplay(stream).show(MESSAGES, seen.append)
    assert stream.getvalue() == (
        "latest: Pulling from library/x\naaa: Pulling fs layer\naaa: Pull complete\n"
        "Digest: sha256:0\nLoaded image: x\n"
    )
    assert seen == [{"ID": "x"}]


def test_on_a_terminal_a_layer_keeps_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((120, 24)))
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(stream, "fileno", lambda: 1)
    ProgressDisplay(stream).show(MESSAGES)
    heading, gap, lines, *_ = stream.getvalue().split("\n")
    assert (heading, gap) == ("latest: Pulling from library/x", "")
    assert lines.startswith("\x1b[1A\x1b[2K\raaa: Pulling fs layer")
    bar = f"[{'=' * 25}>{' ' * 25}]       1B/2B"
    assert f"\x1b[1A\x1b[2K\raaa: Downloading {bar}\r\x1b[1B" in lines


def test_an_error_in_the_stream_is_raised() -> None:
    messages = [{"errorDetail": {"message": "no space left"}, "error": "no space left"}]
    with pytest.raises(CliError, match="no space left"):
        ProgressDisplay(io.StringIO()).show(messages)


@pytest.mark.parametrize(
    ("detail", "width", "text"),
    [
        ({}, 120, ""),
        ({"current": 1500}, 120, "   1.5kB"),
        ({"current": 500, "total": 1000}, 80, "    500B/1kB"),
        ({"current": 5, "total": 10, "units": "layers"}, 80, "       5/10 layers"),
        ({"current": 10, "total": 5}, 80, "     10B"),
    ],
)
def test_progress_text(detail: dict[str, Any], width: int, text: str) -> None:
    assert progress_text(detail, width) == text
