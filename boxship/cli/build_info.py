"""Which build of Boxship this is."""

import os

from boxship import __version__

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMMIT_FILE = os.path.join(_PACKAGE, "COMMIT")
"""Written by the packaging; a source tree is asked for its checked-out commit instead."""


def version_line() -> str:
    """``Boxship version X.Y.Z, build <first 7 digits of the commit>``."""
    return f"Boxship version {__version__}, build {commit()}"


def commit() -> str:
    """The first 7 digits of the commit, or ``unknown``."""
    return (_read(COMMIT_FILE) or _checked_out() or "unknown")[:7]


def _checked_out() -> str:
    git = os.path.join(os.path.dirname(_PACKAGE), ".git")
    head = _read(os.path.join(git, "HEAD"))
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    loose = _read(os.path.join(git, name))
    if loose:
        return loose
    packed = _read(os.path.join(git, "packed-refs")).splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""
