"""The programs beside the engine, and their versions (asked once, then remembered)."""

import asyncio
import subprocess
from typing import NamedTuple

_QUESTION_TIMEOUT_S = 5.0


class Program(NamedTuple):
    """A program's answer to ``--version``."""

    name: str
    version: str
    commit: str


_known: dict[str, Program | None] = {}


async def program_version(path: str) -> Program | None:
    """Return a program's version; None when it is missing or does not say."""
    if path not in _known:
        _known[path] = await asyncio.to_thread(_ask, path)
    return _known[path]


def _ask(path: str) -> Program | None:
    try:
        answer = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_QUESTION_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version_answer(answer.stdout)


def parse_version_answer(text: str) -> Program | None:
    """Read ``crun version 1.8.1`` and a line ``commit: …`` below it."""
    lines = text.splitlines()
    name, separator, version = (lines[0] if lines else "").partition(" version ")
    if not separator:
        return None
    commits = [line.partition(":")[2].strip() for line in lines if line.startswith("commit:")]
    commit = commits[0] if commits and commits[0] != "unknown" else ""
    return Program(name, version.partition(" ")[0], commit)
