"""What every snapshot driver must do with layers."""

import gzip
import hashlib
import os
import stat
import tarfile
from pathlib import Path

import pytest

from boxship.engine.storage.errors import CorruptContentError, CorruptLayerError, LayerLimitError
from boxship.engine.storage.layers.limits import LayerLimits
from boxship.engine.storage.service import StorageService
from boxship.errors import NotFoundError
from tests.support.archives import MTIME, archive, member
from tests.support.layers import exported

CAPABILITY = b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def apply(storage: StorageService, *layers: bytes) -> str:
    chain: str | None = None
    for layer in layers:
        chain = storage.apply_layer([layer], parent=chain).chain_id
    assert chain
    return chain


def rootfs_of(storage: StorageService, *layers: bytes) -> Path:
    storage.create_container("c" * 64, apply(storage, *layers))
    return storage.mount_container("c" * 64)


def names(path: Path) -> list[str]:
    return sorted(os.listdir(path))


BASE = archive(
    [
        member("etc", "dir"),
        member("etc/passwd", data=b"root"),
        member("etc/conf", "dir", mode=0o750, uid=5, gid=6),
        member("etc/conf/a", data=b"a"),
        member("etc/conf/b", data=b"b"),
        member("bin", "dir"),
        member("bin/sh", data=b"elf", mode=0o755),
        member("lib", "symlink", linkname="usr/lib"),
    ]
)


def test_chain_ids_and_sizes(storage: StorageService) -> None:
    second = archive([member("new", data=b"12345")])
    base = storage.apply_layer([BASE], parent=None)
    top = storage.apply_layer([gzip.compress(second)], parent=base.chain_id)
    assert base.chain_id == base.diff_id == digest(BASE)
    assert top.diff_id == digest(second)
    assert top.chain_id == digest(f"{base.chain_id} {top.diff_id}".encode())
    assert (base.size, top.size) == (9 + len("usr/lib"), 5)
    assert set(storage.layers()) == {base.chain_id, top.chain_id}
    assert storage.has_layer(top.chain_id)
    assert storage.layer_size(top.chain_id) == 5


def test_attributes_survive(storage: StorageService) -> None:
    headers = {"SCHILY.xattr.user.note": "here", "mtime": f"{MTIME}.5"}
    layer = archive(
        [
            member("d", "dir", mode=0o1777, uid=1, gid=2),
            member("d/su", data=b"x" * 3_000_000, mode=0o6755, uid=3, gid=4, pax_headers=headers),
            member("d/link", "symlink", linkname="/nowhere", uid=9, gid=9),
            member("d/hard", "hardlink", linkname="d/su"),
            member("d/null", "char", devmajor=1, devminor=3, mode=0o666),
            member("d/pipe", "fifo", mode=0o600),
        ]
    )
    directory = rootfs_of(storage, layer) / "d"
    status = (directory / "su").stat()
    assert stat.S_IMODE(status.st_mode) == 0o6755
    assert (status.st_uid, status.st_gid, status.st_nlink) == (3, 4, 2)
    assert status.st_mtime_ns == MTIME * 10**9 + 500_000_000
    assert os.getxattr(directory / "su", "user.note") == b"here"
    assert os.path.samefile(directory / "su", directory / "hard")
    assert os.readlink(directory / "link") == "/nowhere"
    assert (directory / "link").lstat().st_uid == 9
    assert (directory / "null").stat().st_rdev == os.makedev(1, 3)
    assert stat.S_IMODE((directory / "null").stat().st_mode) == 0o666
    assert stat.S_ISFIFO((directory / "pipe").stat().st_mode)
    outer = directory.stat()
    assert (stat.S_IMODE(outer.st_mode), outer.st_uid, outer.st_mtime) == (0o1777, 1, MTIME)


def test_file_capabilities_survive(storage: StorageService) -> None:
    info, data = member("ping", data=b"elf", mode=0o755, uid=1)
    info.pax_headers = {"SCHILY.xattr.security.capability": CAPABILITY.decode("latin-1")}
    raw = archive([(info, data)])
    path = rootfs_of(storage, raw) / "ping"
    assert os.getxattr(path, "security.capability")[:4] == CAPABILITY[:4]


def test_later_layers_win_and_remove(storage: StorageService) -> None:
    top = archive(
        [
            member("etc/passwd", data=b"other"),
            member("etc/.wh.conf"),
            member("bin/.wh..wh..opq"),
            member("bin/new", data=b"1"),
            member(".wh.lib"),
        ]
    )
    rootfs = rootfs_of(storage, BASE, top)
    assert names(rootfs) == ["bin", "etc"]
    assert names(rootfs / "etc") == ["passwd"]
    assert (rootfs / "etc/passwd").read_bytes() == b"other"
    assert names(rootfs / "bin") == ["new"]


@pytest.mark.parametrize("mark_first", [True, False], ids=["mark first", "mark last"])
def test_marks_mean_only_the_layers_below(storage: StorageService, mark_first: bool) -> None:
    marks = [member("etc/conf/.wh..wh..opq"), member("etc/.wh.passwd"), member(".wh.bin")]
    files = [
        member("etc/conf", "dir"),
        member("etc/conf/own", data=b"o"),
        member("etc/passwd", data=b"mine"),
        member("bin", "dir"),
        member("bin/own", data=b"o"),
    ]
    top = archive([*marks, *files] if mark_first else [*files, *marks])
    rootfs = rootfs_of(storage, BASE, top)
    assert names(rootfs / "etc/conf") == ["own"]
    assert (rootfs / "etc/passwd").read_bytes() == b"mine"
    assert names(rootfs / "bin") == ["own"]


def test_kinds_replace_each_other(storage: StorageService) -> None:
    top = archive(
        [
            member("etc/conf", data=b"now a file"),
            member("bin/sh", "dir"),
            member("bin/sh/x", data=b"x"),
            member("lib", "dir"),
            member("lib/libc", data=b"c"),
            member("twice", data=b"1"),
            member("twice", "dir"),
            member("twice", "symlink", linkname="etc"),
            member("twice", data=b"last"),
        ]
    )
    rootfs = rootfs_of(storage, BASE, top)
    assert (rootfs / "etc/conf").read_bytes() == b"now a file"
    assert (rootfs / "bin/sh/x").read_bytes() == b"x"
    assert (rootfs / "lib/libc").read_bytes() == b"c"
    assert (rootfs / "twice").read_bytes() == b"last"


def test_missing_parents_look_as_below(storage: StorageService) -> None:
    top = archive([member("etc/conf/c", data=b"c"), member("quite/new/file", data=b"f")])
    rootfs = rootfs_of(storage, BASE, top)
    status = (rootfs / "etc/conf").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o750, 5, 6)
    assert names(rootfs / "etc/conf") == ["a", "b", "c"]
    assert stat.S_IMODE((rootfs / "quite/new").stat().st_mode) == 0o755


def test_a_layer_that_is_here_is_not_read_again(storage: StorageService) -> None:
    first = storage.apply_layer([BASE], parent=None)

    def never() -> bytes:
        raise AssertionError("the stream was read")

    again = storage.apply_layer(iter(never, b""), parent=None, expected_diff_id=first.diff_id)
    assert again == first
    assert storage.apply_layer([BASE], parent=None) == first


def test_packing_gives_the_layer_back(storage: StorageService) -> None:
    chain = apply(
        storage,
        BASE,
        archive([member("etc/.wh.conf"), member("bin/new", data=b"n"), member(".wh.lib")]),
    )
    storage.create_container("one", chain)
    rootfs = storage.mount_container("one")
    (rootfs / "etc/passwd").unlink()
    (rootfs / "made").mkdir(mode=0o700)
    (rootfs / "made/file").write_bytes(b"x" * 2_000_000)
    os.link(rootfs / "made/file", rootfs / "made/other")
    os.setxattr(rootfs / "made/file", "user.k", b"\0\xff")
    os.symlink("\udcff" * 120, rootfs / ("n" * 200))
    info = storage.capture_container("one").info
    assert info == storage.capture_container("one").info
    storage.create_container("two", info.chain_id)
    copy = storage.mount_container("two")
    assert tree(copy) == tree(rootfs)
    assert names(copy / "etc") == []
    packed = b"".join(storage.open_layer_tar(info.chain_id))
    storage.remove_container("two")
    storage.remove_layer(info.chain_id)
    assert storage.apply_layer([packed], parent=chain) == info
    if storage.driver_name == "overlay2":
        assert b"".join(storage.open_layer_tar(info.chain_id)) == packed


def test_export_holds_the_whole_tree(storage: StorageService) -> None:
    storage.create_container("one", apply(storage, BASE))
    whole = exported(storage, "one")
    info = storage.apply_layer([whole], parent=None)
    storage.create_container("two", info.chain_id)
    assert tree(storage.mount_container("two")) == tree(storage.mount_container("one"))


def test_the_kept_blob_gives_the_same_bytes(storage: StorageService) -> None:
    packed = gzip.compress(BASE, mtime=0)
    blob = storage.content.put(packed)
    info = storage.apply_layer([packed], parent=None, blob=blob)
    assert b"".join(storage.open_layer_tar(info.chain_id)) == BASE


@pytest.mark.parametrize(
    ("data", "arguments", "error"),
    [
        (BASE[:700], {}, CorruptLayerError),
        (gzip.compress(BASE)[:-10], {}, CorruptLayerError),
        (b"\x1f\x8b\x08" + b"\xff" * 100, {}, CorruptLayerError),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 100, {}, CorruptLayerError),
        (b"BZh" + b"\xff" * 100, {}, CorruptLayerError),
        (b"\xfd7zXZ\0" + b"\xff" * 100, {}, CorruptLayerError),
        (BASE, {"expected_diff_id": "sha256:" + "0" * 64}, CorruptContentError),
        (BASE, {"parent": "sha256:" + "0" * 64}, NotFoundError),
        (BASE, {"limits": LayerLimits(max_entries=3)}, LayerLimitError),
        (BASE, {"limits": LayerLimits(max_bytes=2000)}, LayerLimitError),
    ],
)
def test_a_failure_leaves_nothing(
    storage: StorageService, data: bytes, arguments: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        storage.apply_layer([data], **{"parent": None, **arguments})  # type: ignore[arg-type]
    assert list(storage.layers()) == []
    storage.wait_background()
    layout = storage._driver.layout
    assert list(layout.tmp.iterdir()) == []
    assert list(layout.trash.iterdir()) == []


def test_removed_layers_are_gone(storage: StorageService) -> None:
    chain = apply(storage, BASE)
    storage.remove_layer(chain)
    assert not storage.has_layer(chain)
    with pytest.raises(NotFoundError):
        storage.layer_size(chain)
    storage.remove_layer(chain)
    assert storage.apply_layer([BASE], parent=None).chain_id == chain


def tree(root: Path) -> list[tuple[object, ...]]:
    """Describe all below a directory, inode numbers replaced by their first name."""
    found: list[tuple[object, ...]] = []
    inodes: dict[int, str] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(root))
        content: object = None
        if stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(path.read_bytes()).digest()
        elif stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        xattrs = {
            key: os.getxattr(path, key, follow_symlinks=False)
            for key in os.listxattr(path, follow_symlinks=False)
        }
        first = name if path.is_dir() else inodes.setdefault(status.st_ino, name)
        attributes = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)
        found.append((name, *attributes, status.st_rdev, content, first, sorted(xattrs.items())))
    return found


def test_a_hard_link_to_a_file_of_a_layer_below(storage: StorageService) -> None:
    capability = {"SCHILY.xattr.user.note": "kept"}
    below = archive(
        [
            member("usr/lib", "dir", mode=0o750, uid=7),
            member("usr/lib/lib.so", data=b"elf" * 1000, uid=3, pax_headers=capability),
            member("usr/lib/link", "symlink", linkname="lib.so"),
        ]
    )
    middle = archive([member("other", data=b"1")])
    top = archive(
        [
            member("usr/lib/lib.so.1", "hardlink", linkname="usr/lib/lib.so"),
            member("two", "hardlink", linkname="/usr/lib/lib.so.1"),
            member("link", "hardlink", linkname="usr/lib/link"),
        ]
    )
    rootfs = rootfs_of(storage, below, middle, top)
    first = rootfs / "usr/lib/lib.so"
    assert first.samefile(rootfs / "usr/lib/lib.so.1")
    assert first.samefile(rootfs / "two")
    assert (first.stat().st_uid, first.stat().st_nlink) == (3, 3)
    assert (rootfs / "two").read_bytes() == b"elf" * 1000
    assert os.getxattr(rootfs / "two", "user.note") == b"kept"
    assert os.readlink(rootfs / "link") == "lib.so"
    assert (rootfs / "usr/lib").stat().st_uid == 7


@pytest.mark.parametrize(
    "marks",
    [
        [member("usr/.wh.file")],
        [member("usr/.wh..wh..opq")],
        [member(".wh.usr")],
        [member(".wh.usr"), member("usr", "dir")],
        [member("usr", "symlink", linkname="elsewhere")],
    ],
)
def test_a_hard_link_to_what_was_removed(
    storage: StorageService, marks: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    base = apply(storage, archive([member("usr/file", data=b"x"), member("elsewhere", "dir")]))
    linked = member("h", "hardlink", linkname="usr/file")
    with pytest.raises(CorruptLayerError, match=r"nor below it|no directory"):
        storage.apply_layer([archive([*marks, linked])], parent=base)
    marked = storage.apply_layer([archive(marks)], parent=base).chain_id
    with pytest.raises(CorruptLayerError, match=r"nor below it|no directory"):
        storage.apply_layer([archive([linked])], parent=marked)
