"""How fast layers are unpacked, beside GNU tar and Python's tarfile.

usage: python bench/unpack.py DIRECTORY   (an empty one, on the file system to be measured)
"""

import gzip
import io
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from boxship.engine.storage.service import StorageService

ROUNDS = 3
MIB = 1 << 20


def main() -> None:
    """Print one row per layer and program, in seconds."""
    base = Path(sys.argv[1])
    layers = {
        "129 MB in 400 files": _layer(base / "big.tar.gz", files=400, size=129 * MIB // 400),
        "20,000 small files": _layer(base / "small.tar.gz", files=20_000, size=2000),
    }
    programs = {"boxship": _boxship, "GNU tar": _gnu_tar, "tarfile": _tarfile}
    print(f"{'layer':22}", *(f"{name:>10}" for name in programs))
    for label, path in layers.items():
        times = [_median(base, program, path) for program in programs.values()]
        print(f"{label:22}", *(f"{seconds:>10.2f}" for seconds in times))
        path.unlink()


def _layer(path: Path, *, files: int, size: int) -> Path:
    """Write a layer whose files compress about two to one, as programs do."""
    source = random.Random(1)
    with gzip.open(path, "wb", 1) as file, tarfile.open(fileobj=file, mode="w") as tar:
        for number in range(files):
            info = tarfile.TarInfo(f"usr/d{number // 50}/f{number}")
            info.size = size
            data = source.randbytes(size // 2)
            tar.addfile(info, io.BytesIO(data + bytes(size - len(data))))
    return path


def _median(base: Path, program: Callable[[Path, Path], float], path: Path) -> float:
    times = []
    for _ in range(ROUNDS):
        directory = Path(tempfile.mkdtemp(dir=base))
        os.sync()
        times.append(program(path, directory))
        shutil.rmtree(directory)
    return statistics.median(times)


def _boxship(path: Path, directory: Path) -> float:
    storage = StorageService(directory)
    started = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        storage.apply_layer(file, parent=None)
    seconds = time.perf_counter() - started
    storage.close()
    return seconds


def _gnu_tar(path: Path, directory: Path) -> float:
    started = time.perf_counter()
    subprocess.run(["tar", "-xpf", path, "-C", directory, "--numeric-owner"], check=True)
    return time.perf_counter() - started


def _tarfile(path: Path, directory: Path) -> float:
    started = time.perf_counter()
    with tarfile.open(path) as tar:
        tar.extractall(directory)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
