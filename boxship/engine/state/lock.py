"""One engine per data root: a lock file that names its owner."""

import fcntl
import os
from pathlib import Path

from boxship.errors import ConflictError


class InstanceLock:
    """An exclusive lock on a directory, held until the process ends or releases it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, directory: Path) -> "InstanceLock":
        """Take the lock of ``directory``.

        Raises ConflictError with the pid of the engine that holds it.
        """
        directory.mkdir(parents=True, exist_ok=True, mode=0o711)
        path = directory / "engine.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise ConflictError(
                f"another engine (pid {owner}) already uses the data root {directory}; stop it, or "
                "choose another --data-root and --exec-root"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let the next engine have the directory."""
        os.close(self._descriptor)
