"""Waiting for what has no event that a test could see."""

import time
from collections.abc import Callable

PATIENCE = 30.0


def wait_until(holds: Callable[[], bool], seen: Callable[[], object] = lambda: "") -> None:
    """Return when ``holds`` does; AssertionError, with what ``seen`` tells, when it never does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"it never came true {seen()}"
        time.sleep(0.01)
