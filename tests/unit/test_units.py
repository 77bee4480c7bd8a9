"""Sizes, durations and timestamps, against the behaviour of go-units and Go's time package."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship import units
from boxship.errors import InvalidParameterError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("32", 32),
        ("32b", 32),
        ("32B", 32),
        ("32k", 32 << 10),
        ("32Kb", 32 << 10),
        ("64KiB", 64 << 10),
        ("512m", 512 << 20),
        ("1.5g", 3 << 29),
        ("32.5 kB", 33280),
        ("32 Tb", 32 << 40),
        ("1p", 1 << 50),
        (".5k", 512),
        ("1e3", 1000),
    ],
)
def test_parse_bytes(text: str, value: int) -> None:
    assert units.parse_bytes(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid size: ''"),
        ("hello", "invalid size: 'hello'"),
        ("-1", "invalid size: '-1'"),
        ("32bb", "invalid suffix: 'bb'"),
        ("32kx", "invalid suffix: 'kx'"),
        ("32kibi", "invalid suffix: 'kibi'"),
        ("1z", "invalid suffix: 'z'"),
        (".3.k", 'strconv.ParseFloat: parsing ".3.": invalid syntax'),
        ("1_0m", 'strconv.ParseFloat: parsing "1_0": invalid syntax'),
    ],
)
def test_parse_bytes_refuses(text: str, message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        units.parse_bytes(text)
    assert caught.value.message == message


def test_memory_swap_may_be_unlimited() -> None:
    assert units.parse_memory_swap("-1") == -1
    assert units.parse_memory_swap("1g") == 1 << 30


@pytest.mark.parametrize(
    ("size", "digits", "text"),
    [
        (0, 4, "0B"),
        (999, 4, "999B"),
        (1000, 4, "1kB"),
        (1024, 4, "1.024kB"),
        (16_400, 3, "16.4kB"),
        (160_000_000, 3, "160MB"),
        (1_230_000_000, 3, "1.23GB"),
        (999_999, 4, "1000kB"),
        (10**15, 4, "1PB"),
    ],
)
def test_human_size(size: int, digits: int, text: str) -> None:
    assert units.human_size(size, digits) == text


def test_human_size_binary() -> None:
    assert units.human_size_binary(1024) == "1KiB"
    assert units.human_size_binary(3 << 19) == "1.5MiB"
    assert units.human_size_binary(2 << 30) == "2GiB"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.45, "Less than a second"),
        (1.2, "1 second"),
        (45, "45 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (180, "3 minutes"),
        (3600, "About an hour"),
        (89 * 60, "About an hour"),
        (90 * 60, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (13 * 86400, "13 days"),
        (15 * 86400, "2 weeks"),
        (60 * 86400, "2 months"),
        (364 * 86400, "12 months"),
        (2 * 365 * 86400, "2 years"),
    ],
)
def test_human_duration(seconds: float, text: str) -> None:
    assert units.human_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("5s", 5 * units.SECOND),
        ("1h30m", 5400 * units.SECOND),
        ("1.5s", 1_500_000_000),
        ("300ms", 300_000_000),
        ("10us", 10_000),
        ("10µs", 10_000),
        ("7ns", 7),
        ("-2m", -120 * units.SECOND),
        ("+.5h", 1800 * units.SECOND),
        ("1.s", units.SECOND),
    ],
)
def test_parse_duration(text: str, value: int) -> None:
    assert units.parse_duration(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("abc", 'time: invalid duration "abc"'),
        (".s", 'time: invalid duration ".s"'),
        ("5", 'time: missing unit in duration "5"'),
        ("5x", 'time: unknown unit "x" in duration "5x"'),
        ("1.2.3s", 'time: invalid duration "1.2.3s"'),
        ("9999999999h", 'time: invalid duration "9999999999h"'),
    ],
)
def test_parse_duration_refuses(text: str, message: str) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        units.parse_duration(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1100, "1.1µs"),
        (2_200_000, "2.2ms"),
        (3_300_000_000, "3.3s"),
        (245 * units.SECOND, "4m5s"),
        (5400 * units.SECOND, "1h30m0s"),
        (245_001_000_000, "4m5.001s"),
        (-1_500_000_000, "-1.5s"),
    ],
)
def test_format_duration(value: int, text: str) -> None:
    assert units.format_duration(value) == text


@given(st.integers(min_value=-(2**62), max_value=2**62))
def test_durations_round_trip(value: int) -> None:
    assert units.parse_duration(units.format_duration(value)) == value


@given(st.integers(min_value=-62_135_596_800 * units.SECOND, max_value=4 * 10**18))
def test_timestamps_round_trip(value: int) -> None:
    assert units.parse_rfc3339(units.format_timestamp_ns(value)) == value


NOW = 1_700_000_000 * units.SECOND


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10m", NOW - 600 * units.SECOND),
        ("0", 0),
        ("1136073600", 1136073600 * units.SECOND),
        ("1136073600.000000001", 1136073600 * units.SECOND + 1),
        ("1136073600.5", 1136073600 * units.SECOND + units.SECOND // 2),
        ("2006-01-02T15:04:05.999999999+07:00", 1136189045_999999999),
        ("2006-01-02T15:04:05Z", 1136214245 * units.SECOND),
        ("2006-01-02T15:04Z", 1136214240 * units.SECOND),
        ("2006-01-02T15:04-07:00", 1136239440 * units.SECOND),
        ("2006-01-02T15Z", 1136214000 * units.SECOND),
        ("2006-01-02Z", 1136160000 * units.SECOND),
        ("2006-01-02+07:00", 1136134800 * units.SECOND),
    ],
)
def test_parse_timestamp(text: str, value: int) -> None:
    assert units.parse_timestamp(text, NOW) == value


def test_parse_timestamp_without_zone_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC-3")
    time.tzset()
    try:
        assert units.parse_timestamp("2006-01-02T15:04:05", NOW) == 1136203445 * units.SECOND
        assert units.parse_timestamp("2006-01-02", NOW) == 1136149200 * units.SECOND
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "2006-13-02", "2006-02-30", "2006-01-02T25", "12.1234567890", "1-2", "²",
        "9223372037", "9" * 5000,
    ],
)  # fmt: skip
def test_parse_timestamp_refuses(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="failed to parse value as time or duration"):
        units.parse_timestamp(text, NOW)


@pytest.mark.parametrize(
    "text", ["2006-01-02T15:04:05", "2006-01-02", "", "2006-01-02T15:04:05+7:00", "x" * 25]
)
def test_parse_rfc3339_refuses(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="not an RFC 3339 timestamp"):
        units.parse_rfc3339(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("007", 7), ("9" * 19, 10**19 - 1), ("", None), ("-1", None), ("+1", None),
        ("1_0", None), (" 1", None), ("²", None), ("\u0661", None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_natural(text: str, number: int | None) -> None:
    assert units.natural(text) == number


@pytest.mark.parametrize("text", ["1e999", "9" * 5000, "9223372036854775808", "1e10g"])
def test_sizes_that_no_disk_has(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="invalid size"):
        units.parse_bytes(text)
