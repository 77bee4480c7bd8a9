"""The directories of a snapshot driver, and how things appear in and vanish from them whole.

``layers/<hex of chain id>/{diff,layer.json}`` and ``containers/<id>/`` are complete: they are made
below ``tmp/`` and renamed, and removed by a rename into ``trash/``, which a background thread
empties. ``unsynced/<hex>`` marks a layer whose bytes may not have reached the disk yet; it names
the boot in which the layer was written, so that after a power cut such layers are unpacked anew.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from boxship.engine.storage.snapshots.background import Background
from boxship.engine.storage.snapshots.layer import LayerRecord
from boxship.engine.storage.trees import remove_tree
from boxship.errors import NotFoundError
from boxship.linux.host import boot_id
from boxship.linux.syncfs import sync_filesystem

_PARENT_LINK = "parent"
SYNC_DELAY_S = 2.0
"""The layers of one image come together: flushing one would hold up the writing of the next."""


class Layout:
    """Owns everything below ``root``. Methods block; they are safe from several threads."""

    def __init__(self, root: Path, remove: Callable[[Path], None] = remove_tree) -> None:
        """``remove``: takes a directory of this layout off the disk. [blocking]"""
        self.root = root
        self._remove = remove
        self.layers = root / "layers"
        self.containers = root / "containers"
        self.tmp = root / "tmp"
        self.trash = root / "trash"
        self._unsynced = root / "unsynced"
        self._background = Background(f"storage {root.name}")
        self._records: dict[str, LayerRecord] = {}

    def open(self) -> None:
        """Create what is missing and collect what a crash left behind."""
        for path in (self.layers, self.containers, self.tmp, self.trash, self._unsynced):
            path.mkdir(parents=True, exist_ok=True)
        os.chmod(self.root, 0o710)
        self._discard_unsynced()
        for path in self.tmp.iterdir():
            os.rename(path, self.trash / path.name)
        for path in self.trash.iterdir():
            self._background.submit(partial(self._remove, path))

    def close(self) -> None:
        """Wait for the background thread's work."""
        self._background.close()

    def draft(self) -> Path:
        """Return a new empty directory that vanishes at the next start unless it is published."""
        path = self.tmp / secrets.token_hex(12)
        path.mkdir(mode=0o700)
        return path

    def discard(self, path: Path, first: Callable[[], None] | None = None) -> None:
        """Remove a directory of this layout now, its bytes in the background.

        ``first`` runs in the background too, before that. Harmless without the directory.
        """
        target = self.trash / secrets.token_hex(12)
        try:
            os.rename(path, target)
        except FileNotFoundError:
            return
        if first is not None:
            self._background.submit(first)
        self._background.submit(partial(self._remove, target))

    def wait_discarded(self) -> None:
        """Return when everything discarded so far is off the disk."""
        self._background.wait()

    # layers

    def publish_layer(self, draft: Path, record: LayerRecord) -> None:
        """Make a draft with ``diff/`` the layer of ``record``; harmless if that exists."""
        (draft / "layer.json").write_bytes(msgspec.json.encode(record))
        name = _encoded(record.chain_id)
        (self._unsynced / name).write_text(boot_id(), encoding="ascii")
        try:
            os.rename(draft, self.layers / name)
        except OSError:
            if not self.has_layer(record.chain_id):
                raise
            self.discard(draft)
        self._background.submit_later(self._sync, SYNC_DELAY_S)

    def has_layer(self, chain_id: str) -> bool:
        """Tell whether the layer is here."""
        return (self.layers / _encoded(chain_id)).exists()

    def layer(self, chain_id: str) -> LayerRecord:
        """Return a layer's record; NotFoundError without it."""
        record = self._records.get(chain_id)
        if record is None:
            try:
                text = (self.layers / _encoded(chain_id) / "layer.json").read_bytes()
            except FileNotFoundError:
                raise NotFoundError(
                    f"layer {chain_id} does not exist: pull or load its image again"
                ) from None
            record = msgspec.json.decode(text, type=LayerRecord)
            self._records[chain_id] = record
        return record

    def set_blob(self, chain_id: str, digest: str) -> None:
        """Note where a layer's archive is kept; NotFoundError without the layer."""
        record = msgspec.structs.replace(self.layer(chain_id), blob=digest)
        path = self.layers / _encoded(chain_id) / "layer.json"
        temporary = path.with_name("layer.json.new")
        temporary.write_bytes(msgspec.json.encode(record))
        temporary.rename(path)
        self._records[chain_id] = record

    def layer_tree(self, chain_id: str) -> Path:
        """Return the directory with the layer's files."""
        return self.layers / _encoded(chain_id) / "diff"

    def chain(self, chain_id: str | None) -> list[str]:
        """Return the chain ids from the top layer down to the base; NotFoundError with a gap."""
        ids: list[str] = []
        while chain_id:
            ids.append(chain_id)
            chain_id = self.layer(chain_id).parent
        return ids

    def layer_ids(self) -> Iterator[str]:
        """Yield the chain ids of all layers."""
        for name in os.listdir(self.layers):
            yield f"sha256:{name}"

    def remove_layer(self, chain_id: str) -> None:
        """Remove a layer; harmless without it. Nothing must stand on it."""
        self._records.pop(chain_id, None)
        self.discard(self.layers / _encoded(chain_id))
        (self._unsynced / _encoded(chain_id)).unlink(missing_ok=True)

    # containers

    def publish_container(self, draft: Path, container_id: str, chain_id: str | None) -> None:
        """Make a draft the container's directory. FileExistsError where there is one."""
        if chain_id:
            os.symlink(chain_id, draft / _PARENT_LINK)
        os.rename(draft, self.containers / container_id)

    def container(self, container_id: str) -> Path:
        """Return the container's directory; NotFoundError without it."""
        path = self.containers / container_id
        if not path.exists():
            raise NotFoundError(f"No such container: {container_id} has no root filesystem")
        return path

    def container_parent(self, container_id: str) -> str | None:
        """Return the chain id on which the container stands; None for an empty one."""
        try:
            return os.readlink(self.containers / container_id / _PARENT_LINK)
        except FileNotFoundError:
            return None

    def container_ids(self) -> list[str]:
        """Return the ids of all containers."""
        return os.listdir(self.containers)

    # durability

    def _discard_unsynced(self) -> None:
        boot = boot_id()
        young = False
        for mark in list(self._unsynced.iterdir()):
            if mark.read_text(encoding="ascii", errors="replace") == boot:
                young = True
            else:
                self.discard(self.layers / mark.name)
                mark.unlink()
        if young:  # only now: it removes marks
            self._background.submit(self._sync)

    def _sync(self) -> None:
        marks = list(self._unsynced.iterdir())
        if not marks:
            return
        sync_filesystem(self.root)
        for mark in marks:
            mark.unlink(missing_ok=True)


def _encoded(chain_id: str) -> str:
    return chain_id.removeprefix("sha256:")
