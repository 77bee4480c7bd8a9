"""Archives of an enemy: nothing outside the snapshot is written, whatever they hold."""

import os
import tarfile
from pathlib import Path

import pytest

from boxship.engine.storage.errors import CorruptLayerError, LayerLimitError
from boxship.engine.storage.layers.limits import LayerLimits
from boxship.engine.storage.service import StorageService
from boxship.errors import BoxshipError
from tests.support.archives import archive, member
from tests.support.layers import exported

Members = list[tuple[tarfile.TarInfo, bytes]]

DEEP = "d/" * 1500


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory beside the data root that must stay as it is."""
    directory = tmp_path / "outside"
    (directory / "sub").mkdir(parents=True)
    (directory / "victim").write_bytes(b"untouched")
    return directory


def _members(outside: Path) -> dict[str, Members]:
    path = str(outside)
    up = "../" * 30
    return {
        "absolute name": [member(f"{path}/victim", data=b"evil")],
        "dot dot": [member(f"{up}{path}/victim", data=b"evil")],
        "dot dot inside": [member(f"a/../../{path}/victim", data=b"evil")],
        "absolute link": [
            member("l", "symlink", linkname=path),
            member("l/victim", data=b"evil"),
        ],
        "climbing link": [
            member("a", "dir"),
            member("a/l", "symlink", linkname=f"{up}{path}"),
            member("a/l/victim", data=b"evil"),
        ],
        "link to a link": [
            member("one", "symlink", linkname="two"),
            member("two", "symlink", linkname=path),
            member("one/victim", data=b"evil"),
        ],
        "write through a link to a file": [
            member("l", "symlink", linkname=f"{path}/victim"),
            member("l", data=b"evil"),
        ],
        "directory over a link": [
            member("l", "symlink", linkname=path),
            member("l", "dir", mode=0o777),
            member("l/victim", data=b"evil"),
        ],
        "hard link to the outside": [
            member("h", "hardlink", linkname=f"{path}/victim"),
            member("h", data=b"evil"),
        ],
        "hard link by dot dot": [member("h", "hardlink", linkname=f"{up}{path}/victim")],
        "hard link through a link": [
            member("l", "symlink", linkname=path),
            member("h", "hardlink", linkname="l/victim"),
            member("h", data=b"evil"),
        ],
        "hard link to a link, then write": [
            member("l", "symlink", linkname=f"{path}/victim"),
            member("h", "hardlink", linkname="l"),
            member("h", data=b"evil"),
        ],
        "whiteout through a link": [
            member("l", "symlink", linkname=path),
            member("l/.wh.victim"),
        ],
        "opaque through a link": [
            member("l", "symlink", linkname=path),
            member("l/.wh..wh..opq"),
        ],
        "whiteout of dot dot": [member("a/.wh...")],
        "directory replaced while its descriptor is open": [
            member("d", "dir"),
            member("d/f", data=b"1"),
            member("d", "symlink", linkname=path),
            member("d/victim", data=b"evil"),
        ],
        "link replaced while its target is open": [
            member("real", "dir"),
            member("l", "symlink", linkname="real"),
            member("l/f", data=b"1"),
            member("l", "symlink", linkname=path),
            member("l/victim", data=b"evil"),
        ],
        "attributes of a link's target": [
            member("l", "symlink", linkname=f"{path}/victim", uid=99, gid=99),
            member("s", "symlink", linkname=f"{path}", pax_headers={"mtime": "1"}),
        ],
        "proc magic link": [
            member("l", "symlink", linkname="/proc/self/root" + path),
            member("l/victim", data=b"evil"),
        ],
        "root is a link": [member(".", "symlink", linkname=path), member("victim", data=b"e")],
        "overlay redirect": [
            member(
                "d", "dir", pax_headers={"SCHILY.xattr.trusted.overlay.redirect": "/../.." + path}
            ),
        ],
    }


NAMES = sorted(_members(Path("/nowhere")))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("on_base", [False, True], ids=["base", "second layer"])
def test_nothing_outside_is_touched(
    storage: StorageService, outside: Path, name: str, on_base: bool
) -> None:
    before = _state(outside)
    parent = None
    if on_base:
        base = archive([member("a", "dir"), member("l", "symlink", linkname=str(outside))])
        parent = storage.apply_layer([base], parent=None).chain_id
    try:
        info = storage.apply_layer([archive(_members(outside)[name])], parent=parent)
        storage.create_container("one", info.chain_id)
        storage.mount_container("one")
    except BoxshipError:
        pass
    assert _state(outside) == before


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member("../x", data=b"")], "tries to write outside its root filesystem: b'../x'"),
        ([member("h", "hardlink", linkname="missing")], "hard link h to missing, which is neither"),
        ([member("d", "dir"), member("h", "hardlink", linkname="d")], "b'h' to a directory"),
        ([member("f", data=b"1"), member("f/x", data=b"1")], "f is no directory, but files are"),
        ([member("n" * 256, data=b"1")], "invalid layer: n+: File name too long"),
        ([member(DEEP * 2 + "f", data=b"1")], "invalid layer: d/.*: File name too long"),
        ([member("l", "symlink", linkname="x" * 5000)], "invalid layer: l: File name too long"),
        (
            [member("l", "symlink", linkname="l"), member("l/x", data=b"")],
            "invalid layer: l/x: Too many levels of symbolic links",
        ),
        ([member("f", data=b"1", uid=2**32 - 1)], "owner 4294967295:0 is out of range"),
        ([member("f", data=b"1", type=b"Z")], "unhandled tar header type 90 of f"),
        ([member(".wh.", data=b"")], "invalid layer: whiteout b'.wh.'"),
        ([member(".wh...", data=b"")], "invalid layer: whiteout b'.wh...'"),
        ([member(".", data=b"1")], "invalid layer: its root is no directory"),
        ([member("c", "char", devmajor=2**21 - 1)], "device number of b'c'|c: Invalid argument"),
    ],
)
def test_nonsense_is_refused_with_words(
    storage: StorageService, members: Members, message: str
) -> None:
    with pytest.raises(CorruptLayerError, match=message):
        storage.apply_layer([archive(members, tarfile.GNU_FORMAT)], parent=None)
    assert list(storage.layers()) == []


def test_a_deep_tree_is_no_problem(storage: StorageService) -> None:
    chain = storage.apply_layer([archive([member(DEEP + "f", data=b"1")])], parent=None).chain_id
    storage.create_container("one", chain)
    assert DEEP[:90].encode() in exported(storage, "one")
    storage.remove_container("one")
    storage.remove_layer(chain)
    storage.wait_background()
    assert os.listdir(storage._driver.layout.trash) == []


def test_a_bomb_of_empty_files_stops_at_the_limit(storage: StorageService) -> None:
    bomb = archive([member(f"f{number}") for number in range(500)])
    with pytest.raises(LayerLimitError, match="more than 100 entries"):
        storage.apply_layer([bomb], parent=None, limits=LayerLimits(max_entries=100))


def _state(directory: Path) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for path in sorted([directory, *directory.rglob("*")]):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found.append(
            (str(path), status.st_mode, status.st_uid, status.st_nlink, status.st_mtime_ns, content)
        )
    return found
