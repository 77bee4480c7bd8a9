"""The host's ps, which may be missing or refuse its arguments."""

from pathlib import Path

import pytest

from boxship.engine.containers.inspection import run_ps
from boxship.errors import InternalError


async def test_ps_prints_processes() -> None:
    assert "PID" in (await run_ps("-ef")).splitlines()[0]


async def test_a_host_without_ps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InternalError, match=r'"ps": executable file not found.*package procps'):
        await run_ps("-ef")


async def test_arguments_that_ps_refuses() -> None:
    with pytest.raises(InternalError, match=r"^Error running ps: ."):
        await run_ps("--nonsense")
