"""Values as text the way Go's fmt and encoding/json write them."""

from collections.abc import Mapping

from boxship.gotemplate.values import (
    NIL_POINTER,
    Map,
    Missing,
    Nil,
    Struct,
    sorted_items,
    type_name,
)

_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}


def quote(text: str, mark: str = '"') -> str:
    """Go's strconv.Quote (mark ``'``: QuoteRune)."""
    escaped = (f"\\{char}" if char == mark else _escape(char) for char in text)
    return mark + "".join(escaped) + mark


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shortest_digits(value: float) -> tuple[str, int]:
    """The fewest decimal digits that read back as value, and the power of ten of the first."""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading_zeros = len(whole + fraction) - len(digits)
    power = int(exponent or "0") + len(whole) - 1 - leading_zeros
    return digits.rstrip("0") or "0", power if digits else 0


def format_float(value: float, low: int = -4, high: int = 6) -> str:
    """Shortest form; with an exponent below 10**low and from 10**high on."""
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else ("+Inf" if value > 0 else "-Inf")
    digits, power = shortest_digits(value)
    sign = "-" if str(value)[0] == "-" else ""
    if power < low or power >= high:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{fraction}e{power:+03d}"
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    whole = digits[: power + 1].ljust(power + 1, "0")
    fraction = digits[power + 1 :]
    return sign + whole + (f".{fraction}" if fraction else "")


def format_value(value: object, plus: bool = False) -> str:
    """``%v`` (plus: ``%+v``, which names the fields of structs)."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_float(value)
    if value is None:
        return NIL_POINTER.text
    if isinstance(value, Nil):
        return value.text
    if isinstance(value, Missing):
        return "<no value>"
    if isinstance(value, list | tuple):
        return "[" + " ".join(format_value(item, plus) for item in value) + "]"
    if isinstance(value, Mapping):
        return _format_mapping(value, plus)
    return str(value)


def _format_mapping(value: Mapping[str, object], plus: bool) -> str:
    if isinstance(value, Struct):
        named = ((f"{name}:" if plus else "", field) for name, field in value.items())
        return "{" + " ".join(name + format_value(field, plus) for name, field in named) + "}"
    pairs = (f"{key}:{format_value(item, plus)}" for key, item in sorted_items(value))
    return "map[" + " ".join(pairs) + "]"


def format_go_syntax(value: object) -> str:
    """``%#v``."""
    if isinstance(value, str):
        return quote(value)
    if value is None or isinstance(value, Nil | Missing):
        return NIL_POINTER.text
    if isinstance(value, list | tuple):
        inner = ", ".join(format_go_syntax(item) for item in value)
        return f"{type_name(value)}{{{inner}}}"
    if isinstance(value, Mapping):
        pairs = (f"{quote(key)}:{format_go_syntax(item)}" for key, item in sorted_items(value))
        return f"{type_name(value)}{{{', '.join(pairs)}}}"
    return format_value(value)


def sprint(values: list[object]) -> str:
    """fmt.Sprint: a space between two neighbours when neither is a string."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(format_value(value))
    return "".join(parts)


def encode_json(value: object) -> str:
    """Compact JSON without HTML escapes; methods of a context are left out."""
    if isinstance(value, str):
        return _json_string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_float(value, -6, 21)
    if isinstance(value, list | tuple):
        return "[" + ",".join(encode_json(item) for item in value) + "]"
    if isinstance(value, Mapping):
        entries = sorted_items(value) if isinstance(value, Map) else value.items()
        fields = (
            f"{_json_string(key)}:{encode_json(item)}"
            for key, item in entries
            if not callable(item)
        )
        return "{" + ",".join(fields) + "}"
    if value is None or isinstance(value, Nil | Missing):
        return "null"
    return str(value) if isinstance(value, int) else _json_string(str(value))


def _json_string(text: str) -> str:
    import json

    # Go escapes the two line separators that JavaScript once did not accept in strings.
    encoded = json.dumps(text, ensure_ascii=False)
    return encoded.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
