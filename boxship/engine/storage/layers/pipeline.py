"""The stages of reading a layer, each in a thread: decompress → hash → unpack.

Decompression and hashing release the interpreter's lock, so the stages overlap. Queues are bounded:
a slow disk holds the network back instead of filling memory.
"""

import hashlib
import queue
import threading
from collections.abc import Iterable, Iterator

from boxship.engine.storage.errors import LayerLimitError
from boxship.engine.storage.layers.decompress import decompress
from boxship.engine.storage.layers.limits import LayerLimits
from boxship.units import human_size

QUEUE_LENGTH = 4
"""Chunks of up to 1 MiB between two stages."""

_Item = bytes | BaseException | None


class LayerPipeline:
    """Iterate it for the uncompressed bytes; afterwards ``diff_id`` is their digest.

    A context manager: leaving it ends the threads, whatever happened.
    """

    def __init__(self, compressed: Iterable[bytes], limits: LayerLimits) -> None:
        self._compressed = compressed
        self._limits = limits
        self._hash = hashlib.sha256()
        self._plain: queue.Queue[_Item] = queue.Queue(QUEUE_LENGTH)
        self._hashed: queue.Queue[_Item] = queue.Queue(QUEUE_LENGTH)
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run_decompress, name="layer decompress", daemon=True),
            threading.Thread(target=self._run_hash, name="layer hash", daemon=True),
        ]
        self.size = 0
        """Uncompressed bytes so far."""

    @property
    def diff_id(self) -> str:
        """Digest of what was read; meaningful at the end of the iteration."""
        return f"sha256:{self._hash.hexdigest()}"

    def __enter__(self) -> "LayerPipeline":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopped.set()
        for stage in (self._plain, self._hashed):
            _drop_all(stage)
        for thread in self._threads:
            thread.join()

    def __iter__(self) -> Iterator[bytes]:
        while (item := self._plain.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
        self._threads[1].join()

    def _run_decompress(self) -> None:
        end: _Item = None
        try:
            for chunk in decompress(self._compressed):
                self.size += len(chunk)
                if self.size > self._limits.max_bytes:
                    raise LayerLimitError(
                        f"the layer is larger than {human_size(self._limits.max_bytes)}, "
                        "the limit for one layer"
                    )
                self._put(self._hashed, chunk)
                self._put(self._plain, chunk)
        except _StoppedError:
            return
        except BaseException as error:
            end = error
        try:
            self._put(self._hashed, None)
            self._put(self._plain, end)
        except _StoppedError:
            return

    def _run_hash(self) -> None:
        while not self._stopped.is_set() and isinstance(item := self._hashed.get(), bytes):
            self._hash.update(item)

    def _put(self, stage: "queue.Queue[_Item]", item: _Item) -> None:
        if self._stopped.is_set():
            raise _StoppedError
        stage.put(item)


class _StoppedError(Exception):
    """The consumer has gone."""


def _drop_all(stage: "queue.Queue[_Item]") -> None:
    """Make room for a waiting producer, and wake a waiting consumer."""
    try:
        while True:
            stage.get_nowait()
    except queue.Empty:
        stage.put_nowait(None)
