"""Ownership, times and extended attributes as archives give them, made safe for the kernel."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from boxship.engine.storage.errors import CorruptLayerError

_PRIVATE_PREFIXES = ("trusted.overlay.", "user.overlay.", "user.fuseoverlayfs.")
"""Would let an archive steer overlayfs: redirects, opaque marks, metacopies."""
_MAX_ID = 2**32 - 2
"""The next one means "leave as it is" to chown."""
_MIN_TIME_NS = -(2**31) * 1_000_000_000
_MAX_TIME_NS = (2**34 - 2**31 - 1) * 1_000_000_000
"""What ext4 can hold; the kernel clamps smaller ranges itself."""


def checked_owner(uid: int, gid: int) -> tuple[int, int]:
    """Return the pair, or raise CorruptLayerError where it is none."""
    if not (0 <= uid <= _MAX_ID and 0 <= gid <= _MAX_ID):
        raise CorruptLayerError(f"invalid tar archive: owner {uid}:{gid} is out of range")
    return uid, gid


def clamped_time(time_ns: int) -> int:
    """Return the nearest time that file systems can hold."""
    return min(max(time_ns, _MIN_TIME_NS), _MAX_TIME_NS)


def masked_bits() -> int:
    """Return the mode bits that open() does not set as told: the umask's and set-id bits."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8) | 0o7000
    return 0o7777


def set_attributes(target: int | bytes, xattrs: Mapping[str, bytes]) -> None:
    """Set extended attributes of a descriptor or of a path (links not followed).

    Left out: overlayfs's own, and those that the file system does not know or that this kind of
    file cannot have.
    """
    for name, value in xattrs.items():
        if name.startswith(_PRIVATE_PREFIXES):
            continue
        try:
            if isinstance(target, int):
                os.setxattr(target, name, value)
            else:
                os.setxattr(target, name, value, follow_symlinks=False)
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP or _not_for_this_kind(name, error):
                continue
            raise


def change_mode(dir_fd: int, name: str | bytes, mode: int) -> None:
    """Set the mode of a name in a directory without following it, whatever it has become."""
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        os.chmod(f"/proc/self/fd/{descriptor}", mode)
    finally:
        os.close(descriptor)


def _not_for_this_kind(name: str, error: OSError) -> bool:
    """user.* is for files and directories only (xattr(7))."""
    return error.errno == errno.EPERM and name.startswith("user.")
