"""Decompression by magic, in bounded pieces."""

import bz2
import gzip
import lzma
from collections.abc import Callable

import pytest
import zstandard

from boxship.engine.storage.errors import CorruptLayerError
from boxship.engine.storage.layers.decompress import CHUNK, compression_of, decompress
from tests.support.archives import chunked

DATA = bytes(range(256)) * 5000
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "zstd": zstandard.ZstdCompressor().compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "bzip2": bz2.compress,
    "": bytes,
}


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
@pytest.mark.parametrize("form", COMPRESS)
def test_round_trip(form: str, size: int) -> None:
    data = DATA if size > 1 else DATA[:2000]
    packed = COMPRESS[form](data)
    assert b"".join(decompress(chunked(packed, size))) == data
    assert compression_of(packed[:6]) == form


@pytest.mark.parametrize("form", ["gzip", "zstd", "xz", "bzip2"])
def test_members_follow_each_other(form: str) -> None:
    packed = COMPRESS[form](DATA) + COMPRESS[form](b"more")
    assert b"".join(decompress(chunked(packed, 777))) == DATA + b"more"


@pytest.mark.parametrize("form", ["gzip", "zstd", "xz", "bzip2"])
def test_a_bomb_comes_in_small_pieces(form: str) -> None:
    bomb = COMPRESS[form](bytes(64 << 20))
    total = 0
    for piece in decompress([bomb]):
        assert len(piece) <= CHUNK
        total += len(piece)
    assert total == 64 << 20


@pytest.mark.parametrize("form", ["gzip", "zstd", "xz", "bzip2"])
def test_damage_and_cuts_are_told(form: str) -> None:
    packed = COMPRESS[form](DATA)
    with pytest.raises(CorruptLayerError, match=r"cut off|damaged"):
        list(decompress([packed[: len(packed) // 2]]))
    middle = len(packed) // 2
    broken = packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :]
    if form != "zstd":  # zstandard's frames carry no checksum unless asked
        with pytest.raises(CorruptLayerError):
            list(decompress([broken]))


def test_padding_behind_gzip_is_ignored() -> None:
    assert b"".join(decompress([gzip.compress(b"x") + bytes(2000)])) == b"x"


def test_nothing_is_nothing() -> None:
    assert list(decompress([])) == []
