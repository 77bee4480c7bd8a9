"""What drivers have in common whose every layer and container is a whole tree."""

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from boxship.engine.storage.errors import NeedsParentError
from boxship.engine.storage.layers.limits import LayerLimits
from boxship.engine.storage.layers.unpack import Unpacked, unpack
from boxship.engine.storage.layers.walk import Node
from boxship.engine.storage.layers.whiteouts import InPlaceWhiteouts
from boxship.engine.storage.snapshots.difference import pack_difference, tree_changes
from boxship.engine.storage.snapshots.layer import Change
from boxship.engine.storage.snapshots.layout import Layout
from boxship.errors import ConflictError


class WholeTreeDriver(ABC):
    """Every layer and every container has all files; ``_begin`` says how they come there."""

    name = ""
    unpacks_ahead = False

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def open(self) -> None:
        """Collect leftovers."""
        self.layout.open()

    def close(self) -> None:
        """Finish background work."""
        self.layout.close()

    def status(self) -> list[tuple[str, str]]:
        """Docker prints nothing for these."""
        return []

    def unpack(
        self, draft: Path, parent: str | None, archive: Iterable[bytes], limits: LayerLimits
    ) -> Unpacked:
        """Unpack over the parent's tree; removals are carried out."""
        tree = draft / "diff"
        self._begin(parent, tree)
        return unpack(archive, tree, InPlaceWhiteouts(), limits)

    def unpack_ahead(self, draft: Path, archive: Iterable[bytes], limits: LayerLimits) -> Unpacked:
        """A layer has all files of those below it."""
        del draft, archive, limits
        raise NeedsParentError(f"{self.name} unpacks a layer into a copy of its parent")

    def place(self, draft: Path, parent: str | None, unpacked: Unpacked) -> None:
        """Nothing is ever unpacked ahead."""
        del draft, parent, unpacked
        raise NeedsParentError(f"{self.name} unpacks a layer into a copy of its parent")

    def pack_layer(self, chain_id: str) -> Iterator[bytes]:
        """Compare the layer with its parent."""
        parent = self.layout.layer(chain_id).parent
        old = self.layout.layer_tree(parent) if parent else None
        return pack_difference(old, self.layout.layer_tree(chain_id))

    def create(self, container_id: str, chain_id: str | None) -> None:
        """Begin with the image's tree. ConflictError if the container has one."""
        if (self.layout.containers / container_id).exists():
            raise ConflictError(f"container {container_id} has a root filesystem")
        draft = self.layout.draft()
        try:
            self._begin(chain_id, draft / "diff")
            self.layout.publish_container(draft, container_id, chain_id)
        except OSError as error:
            self.layout.discard(draft)
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise ConflictError(f"container {container_id} has a root filesystem") from None

    def mount(self, container_id: str, *, volatile: bool) -> Path:  # noqa: ARG002 (protocol)
        """Return the tree: nothing needs mounting."""
        return self.layout.container(container_id) / "diff"

    def is_mounted(self, container_id: str) -> bool:
        """Tell whether the tree exists."""
        return (self.layout.containers / container_id).exists()

    def unmount(self, container_id: str) -> None:
        """Do nothing: nothing is mounted."""
        del container_id

    def remove(self, container_id: str) -> None:
        """Move the tree into the trash."""
        self.layout.discard(self.layout.containers / container_id)

    def graph_data(self, container_id: str) -> dict[str, str]:
        """Return no paths, as Docker does."""
        self.layout.container(container_id)
        return {}

    def size(self, container_id: str) -> int:
        """Measure the files that differ from the image."""
        tree = self.layout.container(container_id) / "diff"
        return sum(
            (tree / change.path.lstrip("/")).lstat().st_size
            for change in self.changes(container_id)
            if change.kind != "D" and not (tree / change.path.lstrip("/")).is_dir()
        )

    def changes(self, container_id: str) -> list[Change]:
        """Compare the tree with the image's."""
        return tree_changes(
            self._parent_tree(container_id), self.layout.container(container_id) / "diff"
        )

    def capture(
        self,
        container_id: str,
        draft: Path,
        sink: Callable[[bytes], None],
        skip: Callable[[Node], bool],
    ) -> Unpacked:
        """Pack what differs from the image, and unpack it over the image's tree."""
        tree = self.layout.container(container_id) / "diff"
        chunks = pack_difference(self._parent_tree(container_id), tree, skip=skip)

        def passing() -> Iterator[bytes]:
            for chunk in chunks:
                sink(chunk)
                yield chunk

        parent = self.layout.container_parent(container_id)
        return self.unpack(draft, parent, passing(), LayerLimits())

    @abstractmethod
    def _begin(self, chain_id: str | None, tree: Path) -> None:
        """Make ``tree`` a copy of a layer's, or an empty directory. NotFoundError."""

    def _parent_tree(self, container_id: str) -> Path | None:
        parent = self.layout.container_parent(container_id)
        return self.layout.layer_tree(parent) if parent else None


def own_by_root(tree: Path) -> None:
    """Give a new root directory the owner and mode that Docker gives it."""
    os.chown(tree, 0, 0)
    os.chmod(tree, 0o755)
