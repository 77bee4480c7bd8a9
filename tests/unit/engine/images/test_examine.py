"""Reading package managers' files, and layers put on each other."""

import os
import stat

import pytest

from boxship.engine.images.examine.packages import (
    parse_apk,
    parse_dpkg,
    parse_npm,
    parse_python,
    parser_of,
)
from boxship.engine.images.examine.stack import Hidden, Union
from boxship.engine.storage.snapshots.contents import LayerFile


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"var/lib/dpkg/status", "deb"),
        (b"var/lib/dpkg/status.d/libc6", "deb"),
        (b"var/lib/dpkg/status-old", ""),
        (b"lib/apk/db/installed", "apk"),
        (b"usr/lib/apk/db/installed", "apk"),
        (b"usr/lib/python3/dist-packages/six-1.16.dist-info/METADATA", "python"),
        (b"usr/lib/python3/dist-packages/six.egg-info", "python"),
        (b"app/node_modules/left-pad/package.json", "npm"),
        (b"app/node_modules/@scope/tool/package.json", "npm"),
        (b"app/package.json", ""),
        (b"app/node_modules/left-pad/lib/package.json", ""),
    ],
)
def test_which_files_name_packages(path: bytes, kind: str) -> None:
    found = parser_of(path)
    assert (found[0] if found else "") == kind


def test_dpkg() -> None:
    text = (
        b"Package: a\nStatus: install ok installed\nVersion: 1.0-1\nDescription: x\n Version: 9\n"
        b"\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 2\n"
        b"\nPackage: distroless\nVersion: 3\n\n"
    )
    assert parse_dpkg(text) == {"a": "1.0-1", "distroless": "3"}


def test_apk() -> None:
    assert parse_apk(b"C:Q1\nP:musl\nV:1.2\nA:x86_64\n\nP:zlib\nV:1.3\n\n") == {
        "musl": "1.2",
        "zlib": "1.3",
    }


def test_python() -> None:
    text = b"Metadata-Version: 2.1\nName: six\nVersion: 1.16\n\nName: not this\n"
    assert parse_python(text) == {"six": "1.16"}
    assert parse_python(b"nothing") == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"name": "a", "version": "1"}', {"a": "1"}),
        (b'{"name": "a"}', {"a": ""}),
        (b'{"version": "1"}', {}),
        (b"[1]", {}),
        (b"no json", {}),
    ],
)
def test_npm(text: bytes, found: dict[str, str]) -> None:
    assert parse_npm(text) == found


def _file(path: str, *, directory: bool = False, opaque: bool = False) -> LayerFile:
    mode = (stat.S_IFDIR if directory else stat.S_IFREG) | 0o755
    status = os.stat_result((mode, 1, 1, 1, 0, 0, 0, 0, 0, 0))
    return LayerFile(path.encode(), status, opaque=opaque)


def _gone(path: str) -> LayerFile:
    return LayerFile(path.encode(), None)


def _stack(*layers: list[LayerFile]) -> tuple[list[str], list[tuple[str, int, int]]]:
    """What is seen at the end; and what was hidden: path, its layer, the one that hides it."""
    union = Union()
    hidden: list[Hidden] = []
    for place, files in enumerate(layers):
        hidden += union.apply(iter(files), place)
    found = [(one.version.file.path.decode(), one.version.layer, one.by) for one in hidden]
    return sorted(path.decode() for path in union.files), sorted(found)


def test_a_directory_that_is_there_already_hides_nothing() -> None:
    seen, hidden = _stack(
        [_file("d", directory=True), _file("d/a")], [_file("d", directory=True), _file("d/b")]
    )
    assert seen == ["d", "d/a", "d/b"]
    assert hidden == []


@pytest.mark.parametrize(
    "top",
    [
        [_file("d", directory=True, opaque=True), _file("d/new")],
        [_gone("d"), _file("d", directory=True), _file("d/new")],
    ],
)
def test_a_directory_made_anew_hides_what_was_in_it(top: list[LayerFile]) -> None:
    base = [_file("d", directory=True), _file("d/e", directory=True), _file("d/e/f")]
    seen, hidden = _stack(base, top)
    assert seen == ["d", "d/new"]
    assert {("d/e", 0, 1), ("d/e/f", 0, 1)} <= set(hidden)


def test_a_file_in_place_of_a_directory() -> None:
    base = [_file("d", directory=True), _file("d/f"), _file("x")]
    seen, hidden = _stack(base, [_file("d")], [_file("d", directory=True), _file("d/g")])
    assert seen == ["d", "d/g", "x"]
    assert hidden == [("d", 0, 1), ("d", 1, 2), ("d/f", 0, 1)]


def test_removing_what_is_not_there() -> None:
    assert _stack([_file("a")], [_gone("b"), _gone("c/d")]) == (["a"], [])
