"""What the archive of a whole container holds (docker export)."""

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from boxship.engine.storage.layers.pack import CHUNK
from boxship.engine.storage.service import StorageService
from tests.support.layers import exported

SIZE = 256 << 20


@pytest.fixture
def root(storage: StorageService) -> Path:
    """The mounted tree of the container "one"."""
    storage.create_container("one", None)
    return storage.mount_container("one")


def members(storage: StorageService) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(exported(storage, "one"))) as archive:
        return {member.name: member for member in archive}


def test_links_attributes_and_devices_are_kept(storage: StorageService, root: Path) -> None:
    (root / "a").write_bytes(b"data")
    os.link(root / "a", root / "b")
    os.setxattr(root / "a", "user.mark", b"\0value")
    os.symlink("/elsewhere", root / "link")
    os.mkfifo(root / "pipe", 0o640)
    os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.chown(root / "a", 70000, 3_000_000)
    os.chmod(root / "a", 0o4755)
    found = members(storage)
    assert (found["b"].type, found["b"].linkname) == (tarfile.LNKTYPE, "a")
    assert (found["a"].uid, found["a"].gid, found["a"].mode) == (70000, 3_000_000, 0o4755)
    assert found["a"].pax_headers["SCHILY.xattr.user.mark"] == "\0value"
    assert found["link"].linkname == "/elsewhere"
    assert (found["pipe"].type, found["pipe"].mode) == (tarfile.FIFOTYPE, 0o640)
    device = found["null"]
    assert (device.type, device.devmajor, device.devminor) == (tarfile.CHRTYPE, 1, 3)


@pytest.mark.parametrize("size", [CHUNK, CHUNK + 1, 3 * CHUNK - 7])
def test_large_files_are_whole(storage: StorageService, root: Path, size: int) -> None:
    data = os.urandom(size)
    (root / "large").write_bytes(data)
    os.link(root / "large", root / "second")
    with tarfile.open(fileobj=io.BytesIO(exported(storage, "one"))) as archive:
        member = archive.extractfile("large")
        assert member is not None
        assert member.read() == data
        assert archive.getmember("second").islnk()


def test_holes_are_zeros_that_nobody_reads(storage: StorageService, root: Path) -> None:
    """However many there are, they take the memory of one piece; data stay in their place."""
    with (root / "sparse").open("wb") as file:
        file.write(b"begin")
        file.seek(SIZE // 2 + 3)
        file.write(b"middle")
        file.truncate(SIZE)
    total, found = 0, []
    for piece in storage.export("one"):
        assert isinstance(piece, bytes)
        assert len(piece) <= 2 * CHUNK
        found += [total + piece.index(word) for word in (b"begin", b"middle") if word in piece]
        total += len(piece)
    assert found[1] - found[0] == SIZE // 2 + 3
    assert SIZE < total < SIZE + (1 << 20)
