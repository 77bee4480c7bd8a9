"""Netlink's binary form."""

import struct

from boxship.linux.netlink import message
from boxship.linux.netlink.link import LinkSettings, parse_mac


def test_attributes_are_padded_and_parsed_back() -> None:
    encoded = message.text(3, "eth0") + message.u32(4, 1500) + message.attribute(1, b"\x01\x02")
    assert len(encoded) % 4 == 0
    parsed = message.parse_attributes(encoded)
    assert message.parse_text(parsed[3]) == "eth0"
    assert struct.unpack("=I", parsed[4]) == (1500,)
    assert parsed[1] == b"\x01\x02"


def test_nested_attributes_lose_their_flag_when_parsed() -> None:
    encoded = message.nested(18, message.text(1, "veth"))
    inner = message.parse_attributes(message.parse_attributes(encoded)[18])
    assert message.parse_text(inner[1]) == "veth"


def test_cut_off_input_ends_the_parsing() -> None:
    assert message.parse_attributes(b"\x01") == {}
    assert message.parse_attributes(b"\x02\x00\x01\x00") == {}
    assert list(message.parse_messages(b"\0" * 16)) == []


def test_messages_of_one_datagram_are_split() -> None:
    one = message.HEADER.pack(20, 2, 0, 7, 0) + b"abcd"
    two = message.HEADER.pack(16, 3, 0, 8, 0)
    assert [(m.type, m.sequence, m.body) for m in message.parse_messages(one + two)] == [
        (2, 7, b"abcd"),
        (3, 8, b""),
    ]


def test_link_settings_change_only_what_is_set() -> None:
    body = LinkSettings(name="eth0", mtu=1400).encode(5)
    assert struct.unpack_from("=BBHiII", body) == (0, 0, 0, 5, 0, 0)
    assert set(message.parse_attributes(body[16:])) == {3, 4}
    up = LinkSettings(up=True).encode()
    assert struct.unpack_from("=BBHiII", up)[4:] == (1, 1)
    down = LinkSettings(up=False).encode()
    assert struct.unpack_from("=BBHiII", down)[4:] == (0, 1)


def test_mac_addresses() -> None:
    assert parse_mac("02:42:ac:11:00:02") == b"\x02\x42\xac\x11\x00\x02"
    assert parse_mac("02-42-AC-11-00-02") == b"\x02\x42\xac\x11\x00\x02"
