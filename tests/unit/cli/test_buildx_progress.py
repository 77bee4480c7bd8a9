"""Progress lines of BuildKit's plain mode."""

import pytest

from boxship.cli.buildx.progress import PlainProgress
from boxship.cli.errors import CliError


def test_steps_are_numbered_and_timed() -> None:
    lines: list[str] = []
    times = iter([0.0, 0.25, 12.5, 123.46, 130.0, 200.0, 201.0])
    progress = PlainProgress("plain", lines.append, lambda: next(times))
    with progress.step("[internal] pushing one") as step:
        for line in ("a", "b", "c"):
            step.log(line)
    with pytest.raises(CliError), progress.step("x" * 80):
        raise CliError("refused")
    assert lines == [
        "#1 [internal] pushing one",
        "#1 0.250 a",
        "#1 12.50 b",
        "#1 123.5 c",
        "#1 DONE 130.0s",
        "",
        f"#2 {'x' * 72}...",
        "#2 ERROR: refused",
    ]


def test_silence_and_odd_modes() -> None:
    lines: list[str] = []
    with PlainProgress("quiet", lines.append).step("one") as step:
        step.log("a")
    assert lines == []
    with pytest.raises(CliError, match="invalid progress mode 'odd': one of auto, plain"):
        PlainProgress("odd", lines.append)
