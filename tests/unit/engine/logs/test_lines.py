from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.engine.logs.line import JOIN_LIMIT, LogRecord, Parser, Selection, parse_stamp
from boxship.engine.logs.logfile import LogFile, tail_start

TIME = b"2024-02-03T04:05:06.000000007+02:00"
TIME_NS = 1706925906000000007


def line(text: bytes, stream: str = "stdout", flag: str = "F") -> bytes:
    return TIME + f" {stream} {flag} ".encode() + text + b"\n"


ALL = Selection()


def parse(data: bytes, selection: Selection = ALL) -> list[LogRecord]:
    parser = Parser(selection)
    return parser.feed(data) + parser.flush()


def test_time() -> None:
    assert parse_stamp(TIME) == TIME_NS
    assert parse_stamp(b"x" * 35) == 0


def test_records() -> None:
    assert parse(line(b"a") + line(b"b", "stderr")) == [
        LogRecord(TIME_NS, "stdout", b"a\n"),
        LogRecord(TIME_NS, "stderr", b"b\n"),
    ]


def test_parts_are_joined() -> None:
    data = line(b"one ", flag="P") + line(b"err", "stderr") + line(b"two", flag="F")
    assert [record.data for record in parse(data)] == [b"err\n", b"one two\n"]
    assert parse(line(b"prompt", flag="P")) == [LogRecord(TIME_NS, "stdout", b"prompt", True)]


def test_an_endless_line_is_passed_on_in_parts() -> None:
    parser = Parser(Selection())
    records = []
    for _ in range(100):
        records += parser.feed(line(b"x" * 8192, flag="P"))
    assert all(record.partial for record in records)
    assert max(len(record.data) for record in records) <= JOIN_LIMIT + 8192


def test_selection() -> None:
    data = line(b"a") + line(b"b", "stderr")
    assert [one.data for one in parse(data, Selection(stderr=False))] == [b"a\n"]
    assert [one.data for one in parse(data, Selection(stdout=False))] == [b"b\n"]
    assert parse(data, Selection(since_ns=TIME_NS + 1)) == []
    parser = Parser(Selection(until_ns=TIME_NS - 1))
    assert parser.feed(data) == []
    assert parser.over


def test_torn_lines_are_left_out() -> None:
    assert parse(b"\n2024\n" + line(b"a")) == [LogRecord(TIME_NS, "stdout", b"a\n")]


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b""))), st.integers(1, 97))
def test_blocks_may_end_anywhere(texts: list[bytes], size: int) -> None:
    data = b"".join(line(text) for text in texts)
    parser = Parser(Selection())
    records = []
    for start in range(0, len(data), size):
        records += parser.feed(data[start : start + size])
    assert [record.data for record in records] == [text + b"\n" for text in texts]


@pytest.mark.parametrize("wanted", [0, 1, 2, 5, 100])
def test_tail(tmp_path: Path, wanted: int) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(line(b"%d" % number) for number in range(50)))
    offset, missing = tail_start(path, wanted, stdout=True, stderr=True)
    rest = path.read_bytes()[offset:]
    assert len(parse(rest)) == min(wanted, 50)
    assert missing == max(0, wanted - 50)


def test_tail_of_one_stream_and_of_parts(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(
        line(b"first")
        + line(b"a", flag="P")
        + line(b"b")
        + line(b"e", "stderr")
        + line(b"open", flag="P")
    )
    offset, _ = tail_start(path, 2, stdout=True, stderr=False)
    assert [one.data for one in parse(path.read_bytes()[offset:], Selection(stderr=False))] == [
        b"ab\n",
        b"open",
    ]


def test_tail_over_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boxship.engine.logs.logfile.BLOCK_SIZE", 64)
    path = tmp_path / "log"
    path.write_bytes(b"".join(line(b"x" * (number * 7 % 200)) for number in range(60)))
    for wanted in range(1, 61):
        offset, missing = tail_start(path, wanted, stdout=True, stderr=True)
        assert (len(parse(path.read_bytes()[offset:])), missing) == (wanted, 0)


def test_rotation(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log")
    for number in range(5):
        log.path.write_text(str(number))
        log.rotate(3)
    assert [path.read_text() for path in log.older()] == ["4", "3"]
    log.path.write_text("alone")
    log.rotate(1)
    assert not log.path.exists()
    log.remove()
    assert list(tmp_path.iterdir()) == []
