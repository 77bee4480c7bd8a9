"""Detach keys: ``ctrl-p,ctrl-q`` as the bytes a terminal sends."""

from typing import Final

from boxship.errors import InvalidParameterError

DEFAULT: Final = b"\x10\x11"

_CONTROL: Final = {
    **{chr(code): code - 96 for code in range(ord("a"), ord("z") + 1)},
    "@": 0,
    "[": 27,
    "\\": 28,
    "]": 29,
    "^": 30,
    "_": 31,
}


def parse_detach_keys(text: str) -> bytes:
    """Read a comma-separated sequence of characters and ``ctrl-<character>``; empty: the default.

    Raises InvalidParameterError in Docker's words.
    """
    if not text:
        return DEFAULT
    return bytes(_key(word, text) for word in text.split(","))


def _key(word: str, whole: str) -> int:
    if len(word) == 1 and word.isascii():
        return ord(word)
    if word.lower() == "del":
        return 127
    prefix, _, character = word.lower().partition("-")
    if prefix == "ctrl" and character in _CONTROL:
        return _CONTROL[character]
    raise InvalidParameterError(f"Invalid detach keys ({whole}) provided")
