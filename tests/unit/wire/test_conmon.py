import pytest

from boxship.wire.conmon import SyncMessage, parse_sync


def test_reports() -> None:
    assert parse_sync(b'{"data": 42}\n') == SyncMessage(42)
    assert parse_sync(b'{"data": -1, "message": "no \\"x\\""}') == SyncMessage(-1, 'no "x"')


def test_bytes_that_are_no_text() -> None:
    assert parse_sync(b'{"data": -1, "message": "\xff\x01"}').message == "\ufffd\x01"


@pytest.mark.parametrize("line", [b"[]", b"{}", b'{"data": "1"}'])
def test_anything_else(line: bytes) -> None:
    with pytest.raises(ValueError, match="conmon sent an unknown report"):
        parse_sync(line)
