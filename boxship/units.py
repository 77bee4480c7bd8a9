"""Sizes, durations and points in time, in the words that Docker users type and read.

Sizes follow docker/go-units, durations Go's ``time.ParseDuration`` and ``Duration.String``,
timestamps RFC 3339. Durations and points in time are integers of nanoseconds (points: since the
Unix epoch). The command line imports this on every run, hence no ``re`` and no ``datetime``.
"""

import time

from boxship.errors import InvalidParameterError

SECOND = 1_000_000_000
_INT64_DIGITS = 19
_TOO_MANY_BYTES = 2**63
GO_ZERO_TIME = "0001-01-01T00:00:00Z"
"""What Go prints for a time that was never set (a container that has not started)."""

_BINARY_POWER = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_DECIMAL_NAMES = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_BINARY_NAMES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
_DURATION_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, micro sign
    "μs": 1_000,  # U+03BC, Greek letter mu
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_MAX_DURATION = (1 << 63) - 1


def natural(text: str) -> int | None:
    """Read a number in decimal digits, without a sign; None for anything else.

    Longer ones than any int64 are None too: Python refuses to read numbers of thousands of digits.
    """
    return int(text) if _is_digits(text) and len(text) <= _INT64_DIGITS else None


def parse_bytes(text: str) -> int:
    """Read a size with a binary multiple (``512m``, ``1.5g``, ``64KiB``, ``10 kb``) as bytes.

    Raises InvalidParameterError in go-units' words.
    """
    cut = max((text.rfind(char) for char in "0123456789. "), default=-1)
    if cut == -1:
        raise InvalidParameterError(f"invalid size: '{text}'")
    number_text = text[:cut] if text[cut] == " " else text[: cut + 1]
    number = _parse_float(number_text) * _binary_multiple(text[cut + 1 :])
    if not 0 <= number < _TOO_MANY_BYTES:
        raise InvalidParameterError(f"invalid size: '{text}'")
    return int(number)


def _parse_float(text: str) -> float:
    plain = text.isascii() and all(char.isdigit() or char in "+-.eE" for char in text)
    try:
        return float(text if plain else "")
    except ValueError:
        raise InvalidParameterError(
            f'strconv.ParseFloat: parsing "{text}": invalid syntax'
        ) from None


def _binary_multiple(suffix: str) -> int:
    unit = suffix.lower()
    if unit in ("", "b"):
        return 1
    power = _BINARY_POWER.get(unit[0])
    if power is None or unit[1:] not in ("", "b", "ib"):
        raise InvalidParameterError(f"invalid suffix: '{unit}'")
    return int(1024**power)


def parse_memory_swap(text: str) -> int:
    """Read a size for ``--memory-swap``: as parse_bytes, and ``-1`` for unlimited."""
    return -1 if text == "-1" else parse_bytes(text)


def human_size(size: float, digits: int = 4) -> str:
    """Decimal multiples as Docker prints sizes: ``160MB``, ``16.4kB``, ``0B``.

    digits: significant digits; `docker images`, `history` and `ps -s` use 3.
    """
    return _scaled(size, 1000.0, _DECIMAL_NAMES, digits)


def human_size_binary(size: float) -> str:
    """Binary multiples as Docker prints memory: ``1.5MiB``."""
    return _scaled(size, 1024.0, _BINARY_NAMES, 4)


def _scaled(size: float, base: float, names: tuple[str, ...], digits: int) -> str:
    index = 0
    while size >= base and index < len(names) - 1:
        size /= base
        index += 1
    return f"{size:.{digits}g}{names[index]}"


def human_duration(seconds: float) -> str:
    """A length of time for people, in go-units' words: ``About a minute``, ``3 weeks``."""
    whole = int(seconds)
    minutes = int(seconds / 60)
    hours = int(seconds / 3600 + 0.5)
    if whole < 1:
        return "Less than a second"
    if whole < 60:
        return "1 second" if whole == 1 else f"{whole} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    return _human_days(hours, int(seconds / 3600))


def _human_days(hours: int, whole_hours: int) -> str:
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{whole_hours // 24 // 365} years"


def parse_duration(text: str) -> int:
    """Read a Go duration (``1h30m``, ``1.5s``, ``300ms``, ``-2m``) as nanoseconds.

    Raises InvalidParameterError in Go's words.
    """
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    if not rest:
        raise InvalidParameterError(f'time: invalid duration "{text}"')
    total = 0
    while rest:
        amount, rest = _duration_term(rest, text)
        total += amount
    if total > _MAX_DURATION:
        raise InvalidParameterError(f'time: invalid duration "{text}"')
    return -total if text[0] == "-" else total


def _duration_term(rest: str, text: str) -> tuple[int, str]:
    """Take one ``<number><unit>`` from the front: its nanoseconds and what follows it."""
    end = _span(rest, "0123456789.")
    whole, _, fraction = rest[:end].partition(".")
    if "." in fraction or not (whole or fraction):
        raise InvalidParameterError(f'time: invalid duration "{text}"')
    unit_end = end
    while unit_end < len(rest) and rest[unit_end] not in "0123456789.":
        unit_end += 1
    unit = rest[end:unit_end]
    if not unit:
        raise InvalidParameterError(f'time: missing unit in duration "{text}"')
    scale = _DURATION_UNITS.get(unit)
    if scale is None:
        raise InvalidParameterError(f'time: unknown unit "{unit}" in duration "{text}"')
    nanoseconds = int(whole or "0") * scale
    if fraction:
        nanoseconds += int(fraction) * scale // int(10 ** len(fraction))
    return nanoseconds, rest[unit_end:]


def _span(text: str, chars: str) -> int:
    end = 0
    while end < len(text) and text[end] in chars:
        end += 1
    return end


def format_duration(nanoseconds: int) -> str:
    """Print as Go's ``Duration.String``: ``1h30m0s``, ``1.5s``, ``300ms``, ``0s``."""
    sign = "-" if nanoseconds < 0 else ""
    left = abs(nanoseconds)
    if left == 0:
        return "0s"
    if left < SECOND:
        unit = next(name for name in ("ms", "µs", "ns") if left >= _DURATION_UNITS[name])
        return f"{sign}{_decimal(left, _DURATION_UNITS[unit])}{unit}"
    minutes, rest = divmod(left, 60 * SECOND)
    seconds = f"{_decimal(rest, SECOND)}s"
    if minutes == 0:
        return sign + seconds
    if minutes < 60:
        return f"{sign}{minutes}m{seconds}"
    return f"{sign}{minutes // 60}h{minutes % 60}m{seconds}"


def _decimal(value: int, unit: int) -> str:
    """value / unit exactly, without trailing zeros; unit is a power of ten."""
    whole, part = divmod(value, unit)
    fraction = str(part).rjust(len(str(unit)) - 1, "0").rstrip("0") if part else ""
    return f"{whole}.{fraction}" if fraction else str(whole)


def format_timestamp_ns(ns: int) -> str:
    """Print a point in time as Go's RFC3339Nano in UTC: ``2024-05-01T10:00:00.25Z``."""
    seconds, part = divmod(ns, SECOND)
    utc = time.gmtime(seconds)
    fraction = f".{part:09d}".rstrip("0") if part else ""
    return (
        f"{utc.tm_year:04d}-{utc.tm_mon:02d}-{utc.tm_mday:02d}"
        f"T{utc.tm_hour:02d}:{utc.tm_min:02d}:{utc.tm_sec:02d}{fraction}Z"
    )


def parse_rfc3339(text: str) -> int:
    """Read a complete RFC 3339 timestamp (with a zone) as nanoseconds since the epoch."""
    moment = _parse_moment(text, None) if len(text) > 19 else None
    if moment is None:
        raise InvalidParameterError(f'parsing time "{text}": not an RFC 3339 timestamp')
    return moment


def parse_timestamp(text: str, now: int) -> int:
    """Read what ``--since`` and ``--until`` take, as nanoseconds since the epoch.

    That is a Go duration before now, RFC 3339 with any tail left off (without a zone: local
    time), or Unix seconds with a fraction of up to nine digits. Raises InvalidParameterError.
    """
    if text != "0":
        try:
            return now - parse_duration(text)
        except InvalidParameterError:
            pass
    local_offset = time.localtime(now // SECOND).tm_gmtoff
    moment = _parse_moment(text, local_offset)
    if moment is None and "-" not in text:
        moment = _parse_unix(text)
    if moment is None or abs(moment) >= 2**63:
        raise InvalidParameterError(f'failed to parse value as time or duration: "{text}"')
    return moment


def _parse_unix(text: str) -> int | None:
    seconds_text, dot, fraction = text.partition(".")
    seconds = natural(seconds_text)
    if seconds is None or (dot and not _is_digits(fraction)) or len(fraction) > 9:
        return None
    return seconds * SECOND + int(fraction.ljust(9, "0"))


def _parse_moment(text: str, local_offset: int | None) -> int | None:
    """``YYYY-MM-DD[THH[:MM[:SS[.frac]]]][zone]``; local_offset None demands a zone."""
    date, zone_free, offset = text[:10], text[10:], local_offset
    for index, char in enumerate(zone_free):
        if char in "Zz+-":
            offset = _parse_zone(zone_free[index:])
            zone_free = zone_free[:index]
            break
    day = _parse_date(date)
    clock = _parse_clock(zone_free)
    if day is None or clock is None or offset is None:
        return None
    return (day * 86400 - offset) * SECOND + clock


def _parse_zone(text: str) -> int | None:
    """Seconds east of UTC, or None for a bad zone."""
    if text in ("Z", "z"):
        return 0
    hours, minutes = text[1:3], text[4:]
    if len(text) != 6 or text[3] != ":" or not _is_digits(hours + minutes):
        return None
    if int(hours) > 24 or int(minutes) > 59:
        return None
    seconds = int(hours) * 3600 + int(minutes) * 60
    return -seconds if text[0] == "-" else seconds


def _parse_date(text: str) -> int | None:
    """Days since the epoch (proleptic Gregorian), or None for a bad date."""
    year_text, month_text, day_text = text[:4], text[5:7], text[8:]
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        return None
    if not _is_digits(year_text + month_text + day_text):
        return None
    year, month, day = int(year_text), int(month_text), int(day_text)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not 1 <= month <= 12 or not 1 <= day <= lengths[month - 1]:
        return None
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    return days + sum(lengths[: month - 1]) + day - 1 - 719162


def _parse_clock(text: str) -> int | None:
    """Nanoseconds since midnight for ``""`` or ``THH[:MM[:SS[.frac]]]``, else None."""
    if not text:
        return 0
    whole, dot, fraction = text[1:].partition(".")
    parts = whole.split(":")
    if text[0] not in "Tt" or len(parts) > 3 or (dot and len(parts) != 3):
        return None
    if not all(len(part) == 2 and _is_digits(part) for part in parts):
        return None
    if dot and not (_is_digits(fraction) and len(fraction) <= 9):
        return None
    hour, minute, second = (int(part) for part in (*parts, "0", "0")[:3])
    if hour > 23 or minute > 59 or second > 59:
        return None
    return (hour * 3600 + minute * 60 + second) * SECOND + int((fraction or "0").ljust(9, "0"))


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
