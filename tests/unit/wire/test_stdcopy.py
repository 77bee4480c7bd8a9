"""Frames of the multiplexed stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.wire import stdcopy

STREAMS = st.sampled_from([stdcopy.STDOUT, stdcopy.STDERR])


def test_a_frame_is_head_and_payload() -> None:
    assert stdcopy.encode(stdcopy.STDERR, b"abc") == b"\x02\0\0\0\0\0\0\x03abc"


def test_payload_is_passed_on_before_the_frame_is_whole() -> None:
    decoder = stdcopy.Decoder()
    assert decoder.feed(b"\x01\0\0\0\0\0\0\x05he") == [(stdcopy.STDOUT, b"he")]
    assert decoder.in_frame
    assert decoder.feed(b"llo") == [(stdcopy.STDOUT, b"llo")]
    assert not decoder.in_frame


def test_an_empty_frame_gives_nothing() -> None:
    assert stdcopy.Decoder().feed(stdcopy.encode(1, b"")) == []


def test_an_unknown_stream_is_an_error() -> None:
    with pytest.raises(stdcopy.FrameError, match="unrecognized stream: 72"):
        stdcopy.Decoder().feed(b"HTTP/1.1")


@given(st.lists(st.tuples(STREAMS, st.binary(max_size=30))), st.integers(1, 20))
def test_frames_round_trip_in_any_segmentation(frames: list[tuple[int, bytes]], step: int) -> None:
    data = b"".join(stdcopy.encode(stream, payload) for stream, payload in frames)
    decoder = stdcopy.Decoder()
    pieces = [
        piece
        for start in range(0, len(data), step)
        for piece in decoder.feed(data[start : start + step])
    ]
    for stream in (stdcopy.STDOUT, stdcopy.STDERR):
        sent = b"".join(payload for kind, payload in frames if kind == stream)
        assert b"".join(payload for kind, payload in pieces if kind == stream) == sent
    assert not decoder.in_frame
