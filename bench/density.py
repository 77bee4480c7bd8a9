"""Fifty containers, one after the other and eight at a time; what they and the engine weigh."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from harness import (
    ENGINE_PID,
    IMAGE,
    command,
    measure,
    named,
    processes,
    proportional_set_size,
    quietly,
    record,
    remove,
    timed,
)

COUNT = int(os.environ.get("COUNT", "50"))
AT_ONCE = 8
_SHIMS = ("conmon", "containerd-shim")


def main() -> None:
    """Measure the suite."""
    quietly("run", "--rm", IMAGE, "true")
    for width in (1, AT_ONCE):
        _fill(width)


def _fill(width: int) -> None:
    label = "one by one" if width == 1 else f"{width} at a time"
    names = [named(f"w{width}-{number}") for number in range(COUNT)]
    shims = _shims()
    if ENGINE_PID:
        record(f"engine memory before ({label})", [proportional_set_size(ENGINE_PID)], "MiB")

    def start(name: str) -> float:
        return timed(command("run", "-d", "--name", name, IMAGE, "sleep", "9000"))

    begin = time.perf_counter()
    with ThreadPoolExecutor(width) as pool:
        seconds = list(pool.map(start, names))
    record(f"{COUNT} x run -d, {label}", [COUNT / (time.perf_counter() - begin)], "1/s")
    record(f"one of them, {label}", [value * 1000 for value in seconds], "ms")
    measure(f"ps with {COUNT} running ({label})", command("ps"))
    measure(f"exec true with {COUNT} running ({label})", command("exec", names[0], "true"))
    weights = [proportional_set_size(pid) for pid in _shims() - shims]
    if weights:
        record(f"shim memory per container ({label})", [sum(weights) / COUNT], "MiB")
    if ENGINE_PID:
        record(f"engine memory after ({label})", [proportional_set_size(ENGINE_PID)], "MiB")
    begin = time.perf_counter()
    remove(*names)
    record(f"rm -f of {COUNT} ({label})", [time.perf_counter() - begin], "s")


def _shims() -> set[int]:
    return {pid for name in _SHIMS for pid in processes(name[:15])}


if __name__ == "__main__":
    main()
