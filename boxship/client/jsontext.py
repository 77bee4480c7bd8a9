"""JSON text, for programs that must start fast.

The ``json`` package imports ``re`` and ``enum``, which costs a command 10 ms before it has done
anything; its C accelerator alone costs none. Errors are ValueError, as there.
"""

from _json import encode_basestring, make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WHITESPACE = " \t\r\n"
_INDENT = "    "


class _ScannerSettings:
    """What the scanner reads its options from (the fields of ``json.JSONDecoder``)."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float


_settings: "Any" = _ScannerSettings()
_scan = make_scanner(_settings)


def loads(text: str | bytes | bytearray) -> "Any":
    """Read one JSON value; blank text around it is allowed. Raises ValueError."""
    source = text if isinstance(text, str) else text.decode("utf-8")
    source = source.strip(_WHITESPACE)
    try:
        value, end = _scan(source, 0)
    except StopIteration as stop:
        raise ValueError(f"no JSON value at character {stop.value}") from None
    if end != len(source):
        raise ValueError(f"unexpected text after a JSON value at character {end}")
    return value


def dumps(value: object) -> str:
    """Write a value of dicts, lists, strings, numbers, booleans and None, without blanks."""
    return "".join(_pieces(value, "", ",", ":"))


def dumps_indented(value: object, indent: str = _INDENT) -> str:
    """Write a value with four blanks per level, as ``docker inspect`` prints it, or others."""
    return "".join(_pieces(value, "\n", ",", ": ", indent))


def _pieces(
    value: object, newline: str, comma: str, colon: str, indent: str = _INDENT
) -> list[str]:
    """newline: a line break and the current level's indentation, or empty for compact text."""
    inner = newline + indent if newline else ""
    if isinstance(value, dict):
        items = [
            [inner, encode_basestring(str(key)), colon, *_pieces(item, inner, comma, colon, indent)]
            for key, item in value.items()
        ]
        return _enclosed("{", items, newline, "}")
    if isinstance(value, (list, tuple)):
        items = [[inner, *_pieces(item, inner, comma, colon, indent)] for item in value]
        return _enclosed("[", items, newline, "]")
    return [_scalar(value)]


def _enclosed(opening: str, items: list[list[str]], newline: str, closing: str) -> list[str]:
    if not items:
        return [opening + closing]
    pieces = [opening]
    for index, item in enumerate(items):
        pieces += [","] if index else []
        pieces += item
    return [*pieces, newline, closing]


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return repr(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
