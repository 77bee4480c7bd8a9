"""What can be wrong with content, layers and the disk they are written to."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boxship.errors import InternalError, InvalidParameterError
from boxship.units import human_size


class CorruptContentError(InternalError):
    """Bytes do not have the digest or size that they were announced with."""


class CorruptLayerError(InvalidParameterError):
    """A layer's archive is malformed: truncated, bad headers, links to nothing."""


class HostileLayerError(CorruptLayerError):
    """A layer's archive tries to write outside its root filesystem."""


class NeedsParentError(InternalError):
    """A layer that is unpacked ahead of those below it turns out to need them."""


class LayerLimitError(InvalidParameterError):
    """A layer has more entries or bytes than is allowed."""


class StorageFullError(InternalError):
    """There is no room left where the data root lies."""


@contextmanager
def disk_errors(doing: str, where: Path) -> Iterator[None]:
    """Turn ENOSPC and EDQUOT of the block into StorageFullError, naming the place and remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StorageFullError(_full(doing, where, error)) from error


def _full(doing: str, where: Path, error: OSError) -> str:
    state = os.statvfs(where)
    free = human_size(state.f_bavail * state.f_frsize)
    return (
        f"{doing}: {os.strerror(error.errno or 0).lower()} ({free} and {state.f_favail} files "
        f"are free under {where}); remove images, containers or volumes that are not needed"
    )
