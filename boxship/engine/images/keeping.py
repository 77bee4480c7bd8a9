"""Layers whose archives are somebody else's: kept as they come and unpacked, in one pass."""

from collections.abc import Iterable, Iterator

from boxship.engine.images.assemble import layer_media_type
from boxship.engine.images.image import LayerBlob
from boxship.engine.storage.content import ContentWriter
from boxship.engine.storage.layers.decompress import compression_of, decompress, peek
from boxship.engine.storage.service import LayerInfo, StorageService

_WITHOUT_MEDIA_TYPE = ("xz", "bzip2")
"""Compressions that no image can name: such archives are kept uncompressed."""


def keep_layer(storage: StorageService, chunks: Iterable[bytes], parent: str | None) -> LayerBlob:
    """Keep an archive, plain or compressed, and unpack it on ``parent``. [blocking]

    It is not waited for the disk. Raises storage's errors; then nothing is kept.
    """
    head, chunks = peek(iter(chunks))
    if compression_of(head) in _WITHOUT_MEDIA_TYPE:
        head, chunks = peek(decompress(chunks))
    is_plain = not compression_of(head)
    with storage.content.writer(hashed=not is_plain) as writer:
        info = _unpack(storage, writer, chunks, parent)
        size = writer.offset
        digest = writer.commit_soon(info.diff_id if is_plain else None)
    if not is_plain:
        storage.set_layer_blob(info.chain_id, digest)
    return LayerBlob(
        diff_id=info.diff_id,
        chain_id=info.chain_id,
        digest=digest,
        media_type=layer_media_type(head),
        size=size,
    )


def _unpack(
    storage: StorageService, writer: ContentWriter, chunks: Iterator[bytes], parent: str | None
) -> LayerInfo:
    """Unpack what passes by on its way to the writer."""

    def tee() -> Iterator[bytes]:
        for chunk in chunks:
            writer.write(chunk)
            yield chunk

    rest = tee()
    info = storage.apply_layer(rest, parent=parent)
    for _ in rest:
        pass  # what follows compressed data belongs to the blob's digest
    return info
