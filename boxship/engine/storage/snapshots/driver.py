"""What every snapshot driver does (the contract suite in tests/contract runs against each)."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from boxship.engine.storage.layers.limits import LayerLimits
from boxship.engine.storage.layers.unpack import Unpacked
from boxship.engine.storage.layers.walk import Node
from boxship.engine.storage.snapshots.layer import Change
from boxship.engine.storage.snapshots.layout import Layout


class SnapshotDriver(Protocol):
    """Stacks layers and gives containers writable trees on them. All methods block."""

    name: str
    """As ``docker info`` shows it."""
    layout: Layout
    unpacks_ahead: bool
    """Whether a layer can be unpacked before those below it are here."""

    def open(self) -> None:
        """Make it ready; NotSupportedError with the reason where this host cannot."""

    def close(self) -> None:
        """Let go of everything; mounted containers stay mounted."""

    def status(self) -> list[tuple[str, str]]:
        """Return the rows that ``docker info`` prints below the driver's name."""

    def unpack(
        self, draft: Path, parent: str | None, archive: Iterable[bytes], limits: LayerLimits
    ) -> Unpacked:
        """Unpack an uncompressed layer on ``parent`` into ``draft/diff``."""

    def unpack_ahead(self, draft: Path, archive: Iterable[bytes], limits: LayerLimits) -> Unpacked:
        """Unpack a layer whose parent is not known yet; NeedsParentError where that is needed."""

    def place(self, draft: Path, parent: str | None, unpacked: Unpacked) -> None:
        """Make what was unpacked ahead what ``unpack`` on this parent would have made."""

    def pack_layer(self, chain_id: str) -> Iterator[bytes]:
        """Yield the archive that turns the layer's parent into the layer."""

    def create(self, container_id: str, chain_id: str | None) -> None:
        """Give the container a writable tree on ``chain_id``, or an empty one."""

    def mount(self, container_id: str, *, volatile: bool) -> Path:
        """Return the root filesystem, mounted. Idempotent.

        ``volatile``: the tree need not survive a power cut, so fsync in it may do nothing.
        """

    def is_mounted(self, container_id: str) -> bool:
        """Tell whether the root filesystem is there to be read."""

    def unmount(self, container_id: str) -> None:
        """Undo ``mount``; harmless without it."""

    def remove(self, container_id: str) -> None:
        """Unmount and remove the container's tree; harmless without it."""

    def graph_data(self, container_id: str) -> dict[str, str]:
        """Return the paths that inspect shows as GraphDriver.Data."""

    def size(self, container_id: str) -> int:
        """Return the bytes of files in the writable layer."""

    def changes(self, container_id: str) -> list[Change]:
        """Return what differs from the image, sorted by path."""

    def capture(
        self,
        container_id: str,
        draft: Path,
        sink: Callable[[bytes], None],
        skip: Callable[[Node], bool],
    ) -> Unpacked:
        """Copy what the container changed into ``draft/diff``, as a layer on its image.

        The layer's archive goes to ``sink``: what ``pack_layer`` will give once it is published.
        ``skip``: leaves a node out, and all below it.
        """
