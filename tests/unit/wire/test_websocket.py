import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.wire.websocket import (
    Frame,
    FrameDecoder,
    Opcode,
    WebsocketError,
    accept_key,
    close_payload,
    encode_frame,
)


def masked(opcode: int, payload: bytes, mask: bytes = b"\x01\x02\x03\x04") -> bytes:
    """A final frame as a client sends it."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return head + mask + body


def test_accept_key_of_the_rfc() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_frame_of_the_rfc() -> None:
    decoder = FrameDecoder()
    data = bytes.fromhex("818537fa213d7f9f4d5158")
    assert decoder.feed(data) == [Frame(Opcode.TEXT, b"Hello")]


@given(st.lists(st.binary(max_size=300), max_size=4), st.integers(1, 7))
def test_frames_survive_any_split(payloads: list[bytes], step: int) -> None:
    data = b"".join(masked(Opcode.BINARY, payload) for payload in payloads)
    decoder = FrameDecoder()
    frames = []
    for start in range(0, len(data), step):
        frames += decoder.feed(data[start : start + step])
    assert [frame.payload for frame in frames] == payloads


def test_long_frames() -> None:
    payload = bytes(70_000)
    assert FrameDecoder().feed(masked(2, payload)) == [Frame(Opcode.BINARY, payload)]
    assert encode_frame(Opcode.BINARY, payload)[:10] == b"\x82\x7f" + (70_000).to_bytes(8, "big")
    assert encode_frame(Opcode.BINARY, bytes(200))[:4] == b"\x82\x7e\x00\xc8"
    assert encode_frame(Opcode.CLOSE, close_payload(1000)) == b"\x88\x02\x03\xe8"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x82\x01x", 1002),  # not masked
        (b"\xf2\x80", 1002),  # reserved bits
        (b"\x83\x80", 1002),  # unknown opcode
        (b"\x09\x80", 1002),  # a ping in pieces
        (b"\x89\xfe\x00\x80", 1002),  # a long ping
        (b"\x82\xff" + (1 << 40).to_bytes(8, "big"), 1009),
    ],
)
def test_broken_frames(data: bytes, code: int) -> None:
    with pytest.raises(WebsocketError) as caught:
        FrameDecoder().feed(data)
    assert caught.value.code == code
