import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.engine.runtime.detach import DetachScanner


@pytest.mark.parametrize(
    ("keys", "chunks", "passed", "detached"),
    [
        (b"\x10\x11", [b"abc"], b"abc", False),
        (b"\x10\x11", [b"ab\x10\x11cd"], b"ab", True),
        (b"\x10\x11", [b"\x10", b"\x11"], b"", True),
        (b"\x10\x11", [b"\x10", b"x"], b"\x10x", False),
        (b"\x10\x11", [b"\x10\x10\x11"], b"\x10", True),
        (b"aab", [b"aaab"], b"a", True),
        (b"", [b"\x10\x11"], b"\x10\x11", False),
    ],
)
def test_sequences(keys: bytes, chunks: list[bytes], passed: bytes, detached: bool) -> None:
    scanner = DetachScanner(keys)
    out = b""
    found = False
    for chunk in chunks:
        data, found = scanner.feed(chunk)
        out += data
    assert (out, found) == (passed, detached)


@given(st.lists(st.binary(max_size=6)), st.sampled_from([b"ab", b"aab", b"\x10\x11"]))
def test_same_as_searching_the_whole(chunks: list[bytes], keys: bytes) -> None:
    scanner = DetachScanner(keys)
    whole, out, found = b"".join(chunks), b"", False
    for chunk in chunks:
        data, found = scanner.feed(chunk)
        out += data
        if found:
            break
    before, keys_found, _ = whole.partition(keys)
    assert found == bool(keys_found)
    if found:
        assert out == before
    else:
        assert whole.startswith(out)
        assert keys.startswith(whole[len(out) :])
