"""Measuring commands of a Docker-compatible command line.

Environment: ``CLI`` is the command (``boxship``, ``docker -H unix:///x.sock``, ``podman``),
``LABEL`` names it in the results, ``ENGINE_PID`` is its engine's process (none for podman),
``RUNS`` is how often each command is measured, ``RESULTS`` the directory for results.
"""

import atexit
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

CLI = shlex.split(os.environ.get("CLI", "boxship"))
LABEL = os.environ.get("LABEL", "boxship")
RUNS = int(os.environ.get("RUNS", "11"))
RESULTS = Path(os.environ.get("RESULTS", "bench/results"))
ENGINE_PID = int(os.environ.get("ENGINE_PID", "0"))
IMAGE = os.environ.get("IMAGE", "busybox")
PREFIX = f"bench-{os.getpid()}"
# podman's `rm -f` waits 10 s for a first process that ignores SIGTERM unless told otherwise.
REMOVE = ["rm", "-f", "-t", "0"] if LABEL == "podman" else ["rm", "-f"]

_measured: dict[str, dict[str, object]] = {}
_containers: set[str] = set()


def command(*args: str) -> list[str]:
    """The command line with these arguments."""
    return [*CLI, *args]


def quietly(*args: str) -> str:
    """Run with success, unmeasured; return standard output."""
    done = subprocess.run(command(*args), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(done.args)}: {done.stderr.strip()}")
    return done.stdout.strip()


def named(suffix: str) -> str:
    """The name of a container that is removed at the end, whatever happens."""
    name = f"{PREFIX}-{suffix}"
    _containers.add(name)
    return name


def remove(*names: str) -> None:
    """Remove containers that may or may not exist."""
    if names:
        subprocess.run(command(*REMOVE, *names), capture_output=True, stdin=subprocess.DEVNULL)
    _containers.difference_update(names)


atexit.register(lambda: remove(*_containers))


def timed(arguments: Sequence[str]) -> float:
    """Seconds that the command takes."""
    begin = time.perf_counter()
    done = subprocess.run(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise RuntimeError(f"{shlex.join(arguments)}: {done.stderr.decode().strip()}")
    return seconds


def measure(
    name: str,
    arguments: Sequence[str] | Callable[[int], Sequence[str]],
    *,
    before: Callable[[int], object] = lambda _: None,
    after: Callable[[int], object] = lambda _: None,
    runs: int = RUNS,
) -> None:
    """Time a command; one run goes first unmeasured. before and after are not timed."""
    seconds = []
    try:
        for number in range(-1, runs):
            before(number)
            line = arguments(number) if callable(arguments) else arguments
            took = timed(line)
            after(number)
            if number >= 0:
                seconds.append(took)
    except RuntimeError as error:
        fail(name, error)
        return
    record(name, [value * 1000 for value in seconds], "ms")


def record(name: str, values: Sequence[float], unit: str) -> None:
    """Keep values and print their median."""
    median = statistics.median(values)
    _measured[name] = {"median": median, "unit": unit, "values": list(values)}
    print(f"{name:44} {median:9.1f} {unit:5} (least {min(values):.1f}, {len(values)})", flush=True)
    _save()


def fail(name: str, error: Exception) -> None:
    """Keep that a measurement was not possible."""
    _measured[name] = {"error": str(error)[-500:]}
    print(f"{name:44} FAILED: {str(error)[-300:]}", flush=True)
    _save()


def _save() -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    target = RESULTS / f"{LABEL}.{Path(sys.argv[0]).stem}.json"
    target.write_text(json.dumps(_measured, indent=1))


def proportional_set_size(pid: int) -> float:
    """Memory of a process in MiB, shared pages counted by their share; 0 for one that ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    for line in lines:
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def processes(name: str) -> list[int]:
    """The pids of all processes with that program name."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == name:
                found.append(int(entry.name))
        except OSError:
            continue
    return found
