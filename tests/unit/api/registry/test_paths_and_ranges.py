"""What paths mean and how ranges are read, by example and by chance."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.api.registry.errors import status_of
from boxship.api.registry.paths import Target, parse_path
from boxship.api.registry.ranges import piece_start, wanted_range
from boxship.engine.registry.server.faults import (
    NameInvalidError,
    RangeInvalidError,
    RegistryFaultError,
    UploadInvalidError,
)
from boxship.engine.registry.server.names import check_name

KINDS = {
    "base",
    "catalog",
    "tags",
    "listing",
    "manifest",
    "blob",
    "uploads",
    "upload",
    "referrers",
}


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v2", Target("base")),
        ("/v2/", Target("base")),
        ("/v2/_catalog", Target("catalog")),
        ("/v2/a/tags/list", Target("tags", "a")),
        ("/v2/a/b/manifests/v1", Target("manifest", "a/b", "v1")),
        ("/v2/a/blobs/sha256:0", Target("blob", "a", "sha256:0")),
        ("/v2/a/blobs/uploads", Target("uploads", "a")),
        ("/v2/a/blobs/uploads/", Target("uploads", "a")),
        ("/v2/a/blobs/uploads/x", Target("upload", "a", "x")),
        ("/v2/a/referrers/sha256:0", Target("referrers", "a", "sha256:0")),
        ("/v2/_boxship/repositories/a/b/tags", Target("listing", "a/b")),
        # Names may hold the words that part them:
        ("/v2/blobs/manifests/v1", Target("manifest", "blobs", "v1")),
        ("/v2/a/manifests/b/manifests/v1", Target("manifest", "a/manifests/b", "v1")),
        ("/v2/tags/list/tags/list", Target("tags", "tags/list")),
    ],
)
def test_paths(path: str, target: Target) -> None:
    assert parse_path(path) == target


@pytest.mark.parametrize(
    "path",
    ["", "/", "/v1/", "/v2/a", "/v2/a/manifests/", "/v2/manifests/v1", "/v2/_boxship/x", "/v2//"],
)
def test_paths_to_nothing(path: str) -> None:
    assert parse_path(path) is None


WORDS = st.sampled_from(
    ["v2", "a", "b", "blobs", "uploads", "manifests", "tags", "list", "..", "", "_catalog", "%2e"]
)


@given(st.lists(WORDS | st.text(max_size=5), max_size=8))
def test_any_path_is_parsed_or_refused(parts: list[str]) -> None:
    target = parse_path("/".join(["", *parts]))
    if target is None:
        return
    assert target.kind in KINDS
    if target.name:
        assert f"/{target.name}" in "/".join(["", *parts])


@given(st.text(max_size=20) | st.from_regex(r"[a-z0-9._/-]{1,20}", fullmatch=True))
def test_names_never_leave_their_place(name: str) -> None:
    try:
        check_name(name)
    except NameInvalidError:
        return
    assert not set(name.split("/")) & {"", ".", ".."}
    assert re.fullmatch(r"[a-z0-9][a-z0-9._/-]*", name)


@pytest.mark.parametrize(
    "name", ["", "A", "a//b", "a/", "/a", "a__.b", "-a", "a-", "ä", "a b", "a\n", "../a", "a" * 256]
)
def test_bad_names(name: str) -> None:
    with pytest.raises(NameInvalidError, match="invalid repository name"):
        check_name(name)


@pytest.mark.parametrize(
    ("header", "length", "start"),
    [
        ("", "5", None),
        ("0-4", "5", 0),
        ("5-9", "", 5),
        ("bytes 5-9/10", "5", 5),
        ("bytes=5-9", "5", 5),
        ("bytes 5-9/*", "5", 5),
    ],
)
def test_pieces(header: str, length: str, start: int | None) -> None:
    assert piece_start(header, length) == start


@pytest.mark.parametrize("header", ["x", "-", "1-", "-1", "1-2-3", "0x1-2", "bytes */5", "1 - 2"])
def test_pieces_that_cannot_be_read(header: str) -> None:
    with pytest.raises(UploadInvalidError, match="invalid Content-Range"):
        piece_start(header, "2")


@pytest.mark.parametrize(("header", "length"), [("5-4", "0"), ("0-4", "4"), ("0-4", "6")])
def test_pieces_that_contradict_themselves(header: str, length: str) -> None:
    with pytest.raises(RangeInvalidError, match="does not fit"):
        piece_start(header, length)


@given(st.text(max_size=30) | st.from_regex(r"(bytes[ =])?[0-9]{0,20}-[0-9]{0,20}", fullmatch=True))
def test_any_piece_is_read_or_refused(header: str) -> None:
    try:
        start = piece_start(header, "")
    except (UploadInvalidError, RangeInvalidError):
        return
    assert start is None or start >= 0


@given(
    st.text(max_size=30) | st.from_regex(r"bytes=[0-9]{0,20}-[0-9]{0,20}", fullmatch=True),
    st.integers(0, 1 << 40),
)
def test_any_range_lies_inside(header: str, size: int) -> None:
    try:
        found = wanted_range(header, size)
    except RangeInvalidError:
        return
    if found is not None:
        start, length = found
        assert 0 <= start < start + length <= size


def _faults(base: type[RegistryFaultError]) -> list[type[RegistryFaultError]]:
    return [cls for child in base.__subclasses__() for cls in (child, *_faults(child))]


@pytest.mark.parametrize("fault", _faults(RegistryFaultError))
def test_every_fault_has_a_status(fault: type[RegistryFaultError]) -> None:
    wanted = range(500, 508) if fault.code == "UNKNOWN" else range(400, 430)
    arguments = ("what happened",)
    assert status_of(fault(*arguments)) in wanted
