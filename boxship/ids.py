"""Object identifiers: 64 hexadecimal digits, shown as their first 12."""

import os

ID_LENGTH = 64
SHORT_ID_LENGTH = 12
_HEX_DIGITS = frozenset("0123456789abcdef")


def new_id() -> str:
    """Return a new random id of 64 hexadecimal digits.

    As in Docker, the first 12 digits are never all decimal, so that a short id used as a host
    name cannot be taken for a number.
    """
    while True:
        candidate = os.urandom(ID_LENGTH // 2).hex()
        if not candidate[:SHORT_ID_LENGTH].isdecimal():
            return candidate


def short_id(full_id: str) -> str:
    """Return the first 12 digits of an id; a ``sha256:`` prefix is dropped."""
    return full_id.removeprefix("sha256:")[:SHORT_ID_LENGTH]


def is_full_id(text: str) -> bool:
    """Tell whether ``text`` is a whole id."""
    return len(text) == ID_LENGTH and _HEX_DIGITS.issuperset(text)


def is_id_prefix(text: str) -> bool:
    """Tell whether ``text`` could be the beginning of an id."""
    return 0 < len(text) <= ID_LENGTH and _HEX_DIGITS.issuperset(text)
