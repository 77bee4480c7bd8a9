"""Go's number, string and character literals."""

_SIMPLE_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
}
_CODE_LENGTHS = {"x": 2, "u": 4, "U": 8}


def parse_number(text: str) -> int | float:
    """Read an integer (any base, ``_`` between digits) or a float. Raises ValueError."""
    sign = -1 if text[:1] == "-" else 1
    digits = text.lstrip("+-")
    try:
        if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
            return sign * int(digits, 8)
        return sign * int(digits, 0)
    except ValueError:
        pass
    try:
        value = float.fromhex(digits) if digits[:2].lower() == "0x" else float(digits)
    except ValueError:
        raise ValueError(f'bad number syntax: "{text}"') from None
    if digits[:1] not in (*"0123456789", "."):
        raise ValueError(f'bad number syntax: "{text}"')
    return sign * value


def parse_char(text: str) -> int:
    """Read ``'x'`` as its code point. Raises ValueError."""
    try:
        value = _unescape(text[1:-1])
    except ValueError:
        value = ""
    if len(value) != 1:
        raise ValueError(f"malformed character constant: {text}")
    return ord(value)


def unquote(text: str) -> str:
    """Read a quoted or raw string. Raises ValueError."""
    if text[0] == "`":
        return text[1:-1].replace("\r", "")
    return _unescape(text[1:-1])


def _unescape(text: str) -> str:
    parts, pos = [], 0
    while pos < len(text):
        escape = text.find("\\", pos)
        if escape < 0:
            parts.append(text[pos:])
            break
        parts.append(text[pos:escape])
        value, pos = _escape(text, escape + 1)
        parts.append(value)
    return "".join(parts)


def _escape(text: str, pos: int) -> tuple[str, int]:
    """The character of the escape whose letter is at pos, and where it ends."""
    letter = text[pos : pos + 1]
    if letter in _SIMPLE_ESCAPES:
        return _SIMPLE_ESCAPES[letter], pos + 1
    if letter in _CODE_LENGTHS:
        end = pos + 1 + _CODE_LENGTHS[letter]
        return chr(int(text[pos + 1 : end], 16)), end
    return chr(int(text[pos : pos + 3], 8)), pos + 3
