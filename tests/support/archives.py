"""Small tar archives for tests, honest and hostile."""

import io
import tarfile
from collections.abc import Iterable

_TYPES = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
}
MTIME = 1_700_000_000


def member(
    name: str, kind: str = "file", data: bytes = b"", **fields: object
) -> tuple[tarfile.TarInfo, bytes]:
    """Describe one member; ``fields`` are attributes of TarInfo."""
    info = tarfile.TarInfo(name)
    info.type = _TYPES[kind]
    info.mode = 0o755 if kind == "dir" else 0o644
    info.mtime = MTIME
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def archive(
    members: Iterable[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.PAX_FORMAT
) -> bytes:
    """Return the archive of the members in their order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def chunked(data: bytes, size: int) -> Iterable[bytes]:
    """Cut data into pieces, as a network would."""
    return (data[start : start + size] for start in range(0, len(data), size))
