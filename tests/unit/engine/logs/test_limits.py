import pytest

from boxship.engine.logs.limits import LogLimits, log_limits
from boxship.errors import InvalidParameterError


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, LogLimits(20 * 1024 * 1024, 5)),
        ({"max-size": "10m", "max-file": "3"}, LogLimits(10 * 1024 * 1024, 3)),
        ({"max-size": "-1"}, LogLimits(0, 5)),
    ],
)
def test_limits(options: dict[str, str], expected: LogLimits) -> None:
    assert log_limits(options) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max-size": "much"}, "invalid size: 'much'"),
        ({"max-size": "0"}, "max-size should be a positive number"),
        ({"max-file": "0"}, "max-file cannot be less than 1"),
        ({"max-file": "x"}, "max-file cannot be less than 1"),
    ],
)
def test_bad_options(options: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        log_limits(options)
