import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from boxship.linux import priority


def shown() -> str:
    """What the kernel says of the calling thread."""
    command = ["ionice", "-p", str(threading.get_native_id())]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def lowered() -> str:
    """The same after stepping back."""
    priority.wait_behind_others()
    return shown()


def test_only_the_calling_thread_steps_back() -> None:
    before = shown()
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(lowered).result() == "best-effort: prio 7"
    assert shown() == before


def test_on_a_machine_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = os.uname_result(("Linux", "host", "6.1", "#1", "m68k"))
    monkeypatch.setattr(os, "uname", lambda: unknown)
    with ThreadPoolExecutor(1) as executor:
        before, after = executor.submit(lambda: (shown(), lowered())).result()
    assert before == after
