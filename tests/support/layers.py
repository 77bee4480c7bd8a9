"""Layers that are made as a commit makes them: of what was written into a container's tree."""

import os
from collections.abc import AsyncIterator, Mapping

from boxship.engine.images.save import Piece
from boxship.engine.storage.service import CapturedLayer, StorageService

_MAKER = "maker"


def captured(
    storage: StorageService, chain: str | None, files: Mapping[str, bytes]
) -> CapturedLayer:
    """Return a layer with files, by their path, on top of a chain. [blocking]"""
    storage.create_container(_MAKER, chain)
    try:
        root = storage.mount_container(_MAKER)
        for path, data in files.items():
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        return storage.capture_container(_MAKER)
    finally:
        storage.remove_container(_MAKER)


def exported(storage: StorageService, container_id: str) -> bytes:
    """Return the archive of a container's whole tree. [blocking]"""
    pieces = (
        piece if isinstance(piece, bytes) else os.pread(piece.descriptor, piece.size, 0)
        for piece in storage.export(container_id)
    )
    return b"".join(pieces)


async def joined(pieces: AsyncIterator[Piece]) -> bytes:
    """Return a saved archive whole."""
    found = [piece async for piece in pieces]
    return b"".join(
        piece if isinstance(piece, bytes) else piece.path.read_bytes() for piece in found
    )
