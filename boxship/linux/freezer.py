"""Stopping and continuing all processes of a control group."""

import asyncio
from pathlib import Path

from boxship.linux.cgroups import Hierarchies, read_table

FREEZE_LIMIT_S = 10.0
_STEP_S = 0.001


async def freeze(hierarchies: Hierarchies, path: str) -> None:
    """Freeze a group; returns when every process in it stands still.

    Raises TimeoutError when one of them cannot be stopped (it waits for a dead disk, say), and
    OSError when there is no such group or no freezer.
    """
    await _set(_file(hierarchies, path), frozen=True)


async def thaw(hierarchies: Hierarchies, path: str) -> None:
    """Let a frozen group go on."""
    await _set(_file(hierarchies, path), frozen=False)


def is_frozen(hierarchies: Hierarchies, path: str) -> bool:
    """Tell whether a group is frozen."""
    return _reads_frozen(_file(hierarchies, path))


def _file(hierarchies: Hierarchies, path: str) -> Path:
    directory = hierarchies.directory(path, "freezer")
    if directory is None:
        raise FileNotFoundError("this machine has no freezer control group mounted")
    return directory / ("cgroup.freeze" if hierarchies.version == 2 else "freezer.state")


async def _set(file: Path, *, frozen: bool) -> None:
    v2 = file.name == "cgroup.freeze"
    word = ("1" if frozen else "0") if v2 else ("FROZEN" if frozen else "THAWED")
    async with asyncio.timeout(FREEZE_LIMIT_S):
        while True:
            # Version 1 tells nobody when it is done, and may need to be asked again (freezer docs:
            # "FREEZING" stays while a process resists).
            file.write_text(word)
            if _reads_frozen(file) == frozen:
                return
            await asyncio.sleep(_STEP_S)


def _reads_frozen(file: Path) -> bool:
    if file.name == "cgroup.freeze":
        return read_table(file.with_name("cgroup.events")).get("frozen") == 1
    return file.read_text().strip() == "FROZEN"
