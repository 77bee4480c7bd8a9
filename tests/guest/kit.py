"""Running checks one after the other, and the commands that they need."""

import json
import subprocess
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Check = Callable[[], None]
PATIENCE_S = 60.0
"""An emulated machine is slow."""
_STEP_S = 0.05
CGROUPS = Path("/sys/fs/cgroup")


def run_checks(checks: Sequence[Check]) -> int:
    """Run checks in order and print a line for each; returns how many failed."""
    failed = 0
    for check in checks:
        name = check.__name__.replace("_", " ")
        started = time.monotonic()
        try:
            check()
        except Exception as error:
            failed += 1
            last = traceback.extract_tb(error.__traceback__)[-1]
            print(f"FAIL {name}: {error or last.line}", flush=True)
        else:
            print(f"PASS {name} ({time.monotonic() - started:.1f} s)", flush=True)
    return failed


def expect(condition: bool, found: object) -> None:
    """Raise AssertionError that says what was found instead."""
    if not condition:
        raise AssertionError(f"found {found!r}")


def equal(found: object, wanted: object) -> None:
    """Raise AssertionError unless both are the same."""
    if found != wanted:
        raise AssertionError(f"found {found!r} where {wanted!r} was expected")


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition. Raises AssertionError when it does not come true."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {PATIENCE_S:.0f} s")
        time.sleep(_STEP_S)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        words, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False
    )


def output(*words: str) -> str:
    """Return what a command that must succeed writes."""
    result = run(*words)
    if result.returncode != 0:
        text = result.stderr.strip() or result.stdout.strip()
        raise AssertionError(f"{' '.join(words)}: exit {result.returncode}: {text}")
    return result.stdout.strip()


def boxship(*words: str) -> str:
    """Return what a ``boxship`` command that must succeed writes."""
    return output("boxship", *words)


def refused(*words: str) -> tuple[int, str]:
    """Return the exit code and the message of a ``boxship`` command that must fail."""
    result = run("boxship", *words)
    expect(result.returncode != 0, result.stdout)
    return result.returncode, result.stderr.strip()


def inspect(container: str) -> dict[str, Any]:
    """Return a container's description."""
    found: dict[str, Any] = json.loads(boxship("inspect", container))[0]
    return found


def pid_of(container: str) -> int:
    """Return the host's number of a container's first process."""
    return int(inspect(container)["State"]["Pid"])


def group_of(container: str) -> Path:
    """Return the directory of a container's control group."""
    line = Path(f"/proc/{pid_of(container)}/cgroup").read_text().strip()
    return CGROUPS / line.removeprefix("0::").lstrip("/")


def read(path: Path) -> str:
    """Return a small file's text without its line end."""
    return path.read_text().strip()
