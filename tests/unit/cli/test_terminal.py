"""Detach keys."""

import pytest

from boxship.cli.terminal import DetachFilter, detach_sequence
from boxship.errors import InvalidParameterError


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", b"\x10\x11"),
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("ctrl-@,ctrl-[,ctrl-_", b"\x00\x1b\x1f"),
        ("a,ctrl-A", b"a\x01"),
    ],
)
def test_sequences(text: str, keys: bytes) -> None:
    assert detach_sequence(text) == keys


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-1", "ab", "a,", "ü"])
def test_bad_sequences(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="invalid detach keys"):
        detach_sequence(text)


@pytest.mark.parametrize(
    ("typed", "passed", "detached"),
    [
        ([b"abc"], b"abc", False),
        ([b"ab\x10\x11cd"], b"ab", True),
        ([b"\x10", b"\x11"], b"", True),
        ([b"\x10", b"x"], b"\x10x", False),
        ([b"\x10\x10\x11"], b"\x10", True),
        ([b"\x11\x10"], b"\x11", False),
    ],
)
def test_keys_are_found_and_held_back(typed: list[bytes], passed: bytes, *, detached: bool) -> None:
    detach = DetachFilter(detach_sequence(""))
    assert b"".join(map(detach.feed, typed)) == passed
    assert detach.detached is detached
