"""Data roots for every snapshot driver that this machine's kernel can run."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boxship.linux import mount

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def drivers() -> tuple[str, ...]:
    """Names of the drivers to test: what the kernel has, whatever programs are installed."""
    found = ["overlay2", "vfs"]
    known = Path("/proc/filesystems").read_text().split()
    if "btrfs" in known and os.path.exists("/dev/loop-control"):
        found.append("btrfs")
    if "fuse" in known and os.path.exists("/dev/fuse"):
        found.append("fuse-overlayfs")
    return tuple(found)


@contextmanager
def disk(directory: Path, fs_type: str, mebibytes: int, *options: str) -> Iterator[Path]:
    """A file system of its own in a file, mounted below ``directory``."""
    image, target = directory / f"{fs_type}.img", directory / fs_type
    with image.open("xb") as file:
        file.truncate(mebibytes << 20)
    quiet = {"ext4": "-Fq", "btrfs": "-q"}[fs_type]
    _run(f"mkfs.{fs_type}", quiet, *options, str(image))
    target.mkdir()
    _run("mount", "-o", "loop", str(image), str(target))
    try:
        yield target
    finally:
        below = [point.target for point in mount.mount_points()]
        for point in reversed(below):
            if point == str(target) or point.startswith(f"{target}/"):
                mount.unmount(point, mount.MNT_DETACH)
        target.rmdir()
        image.unlink()


def _run(*command: str) -> None:
    program = shutil.which(command[0], path=_PATH)
    assert program, f"the tests need the program {command[0]}"
    subprocess.run([program, *command[1:]], check=True, stdout=subprocess.DEVNULL)
