"""Waiting for what has no event that a test could see."""

import time
from collections.abc import Callable

PATIENCE = 30.0


def wait_until(holds: Callable[[], bool]) -> None:
    """Return when ``holds`` does; AssertionError when it never does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
