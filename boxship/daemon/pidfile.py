"""The file that names the daemon's process."""

import os
from pathlib import Path

from boxship.errors import ConflictError


def write_pidfile(path: Path) -> None:
    """Write our PID. Raises ConflictError when the file names a process that still runs."""
    try:
        owner = int(path.read_text())
    except (FileNotFoundError, ValueError):
        owner = 0
    if owner and owner != os.getpid() and Path(f"/proc/{owner}").exists():
        raise ConflictError(
            f"process with PID {owner} is still running: stop it, or remove {path} if that process "
            "is not boxshipd"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{os.getpid()}\n")
