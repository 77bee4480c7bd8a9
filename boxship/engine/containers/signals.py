"""Signals by name and number, as ``docker kill`` takes them."""

import signal

from boxship.errors import InvalidParameterError
from boxship.units import natural


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
    if (number := natural(text)) is not None:
        return number
    name = text.upper().removeprefix("SIG")
    base, sign, offset = name.partition("+") if "+" in name else name.partition("-")
    found = getattr(signal, f"SIG{base}", None)
    if not isinstance(found, signal.Signals):
        return None
    if not sign:
        return int(found)
    distance = natural(offset)
    if distance is None:
        return None
    return int(found) + distance * (1 if sign == "+" else -1)
