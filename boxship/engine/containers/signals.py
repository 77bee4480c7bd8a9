"""Signals by name and number, as ``docker kill`` takes them."""

import signal

from boxship.errors import InvalidParameterError


def parse_signal(text: str, default: int) -> int:
    """Return the number for ``KILL``, ``SIGKILL``, ``9``, ``RTMIN+3`` …; ``default`` for nothing.

    Raises InvalidParameterError in Docker's words.
    """
    if not text:
        return default
    number = _number(text)
    if number is None or not 0 < number <= signal.SIGRTMAX:
        raise InvalidParameterError(f"invalid signal: {text}")
    return number


def _number(text: str) -> int | None:
    if text.isdecimal():
        return int(text)
    name = text.upper().removeprefix("SIG")
    base, sign, offset = name.partition("+") if "+" in name else name.partition("-")
    found = getattr(signal, f"SIG{base}", None)
    if not isinstance(found, signal.Signals):
        return None
    if not sign:
        return int(found)
    if not offset.isdecimal():
        return None
    return int(found) + int(offset) * (1 if sign == "+" else -1)
