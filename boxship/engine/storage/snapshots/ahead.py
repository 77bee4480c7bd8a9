"""Unpacking a layer before those below it are here: most layers say all that they need themselves.

Those that do not (a directory is used but not described, a hard link leads below) are found out by
asking: they are unpacked again, in their turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from boxship.engine.storage.errors import NeedsParentError
from boxship.engine.storage.layers.unpack import Unpacked


@dataclass(frozen=True, slots=True)
class LayerAhead:
    """A layer that is unpacked and waits for its place."""

    draft: Path
    diff_id: str
    unpacked: Unpacked


class _UnknownLowers(Sequence[Path]):
    """Stands for the trees of layers below that are not known; cannot be looked at."""

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | Sequence[Path]:
        raise NeedsParentError("the layer needs what is below it")

    def __len__(self) -> int:
        raise NeedsParentError("the layer needs what is below it")


UNKNOWN_LOWERS = _UnknownLowers()
