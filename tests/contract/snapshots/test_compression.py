"""Layers in every form of compression, also those with a table of contents, are the same layer."""

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile

import pytest
import zstandard

from boxship.engine.storage.service import StorageService
from tests.support.archives import archive, chunked, member

FILES = [
    member("etc", "dir"),
    member("etc/f", data=b"text" * 5000),
    member("etc/g", data=b"more" * 3000),
]


def pieces() -> list[bytes]:
    """A tar, cut where its members begin."""
    raw = archive(FILES)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        starts = [info.offset for info in tar]
    return [raw[start:end] for start, end in zip(starts, [*starts[1:], len(raw)], strict=True)]


def estargz() -> bytes:
    """A gzip member for each of the tar's, landmark and table of contents, a footer (stargz)."""
    landmark = archive([member(".no.prefetch.landmark", data=b"\x0f")])[:1024]
    toc = json.dumps({"version": 1, "entries": []}).encode()
    index = archive([member("stargz.index.json", data=toc)])
    *members, last = pieces()
    members.append(last.rstrip(b"\0"))
    members[-1] += bytes(-len(members[-1]) % 512)
    footer = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff" + struct.pack("<H", 26)
    footer += b"SG" + struct.pack("<H", 22) + b"%016xSTARGZ" % 0
    footer += b"\x01\0\0\xff\xff" + bytes(8)
    return b"".join(gzip.compress(part) for part in [landmark, *members, index]) + footer


def zstd_chunked() -> bytes:
    """A zstd frame for each member, and skippable frames with the manifest behind them."""
    frames = b"".join(zstandard.compress(piece) for piece in pieces())
    manifest = json.dumps({"version": 1, "entries": []}).encode()
    skippable = struct.pack("<II", 0x184D2A50, len(manifest)) + manifest
    return frames + skippable + struct.pack("<II", 0x184D2A50, 64) + b"\0" * 56 + b"GNUlInUx"


FORMS = {
    "plain": archive(FILES),
    "gzip": gzip.compress(archive(FILES)),
    "zstd": zstandard.compress(archive(FILES)),
    "bzip2": bz2.compress(archive(FILES)),
    "xz": lzma.compress(archive(FILES)),
    "estargz": estargz(),
    "zstd:chunked": zstd_chunked(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [7, 100_000])
def test_every_form_is_read(storage: StorageService, form: str, size: int) -> None:
    info = storage.apply_layer(map(bytes, chunked(FORMS[form], size)), parent=None)
    storage.create_container("one", info.chain_id)
    rootfs = storage.mount_container("one")
    assert (rootfs / "etc/f").read_bytes() == b"text" * 5000
    assert (rootfs / "etc/g").read_bytes() == b"more" * 3000
    if form != "estargz":  # which has members of its own in the archive
        plain = storage.apply_layer([FORMS["plain"]], parent=None)
        assert info == plain
