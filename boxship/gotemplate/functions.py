"""The functions that templates may call: Go's built-in ones and Docker's.

A function is listed with the Go types of its parameters, so that the evaluator can refuse a wrong
argument in Go's words; ``...`` before the last type marks a variadic function. ``and`` and ``or``
are listed for their names only: the evaluator runs them, as they do not evaluate every argument.
"""

from collections.abc import Mapping

from boxship.gotemplate.format import encode_json, format_value, sprint
from boxship.gotemplate.printf import sprintf
from boxship.gotemplate.values import (
    NIL_MAP,
    NIL_SLICE,
    Function,
    FunctionError,
    Map,
    Nil,
    Struct,
    is_nil,
    is_true,
    type_name,
)


class Signature:
    """A function and the Go types of its parameters."""

    __slots__ = ("call", "types", "variadic")

    def __init__(self, call: Function, types: str) -> None:
        self.call = call
        self.types = types.replace("...", "").split()
        self.variadic = "..." in types


# --- Docker's ---


def _join(items: list[str], separator: str) -> str:
    return separator.join(items)


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _title(text: str) -> str:
    starts = (index == 0 or text[index - 1].isspace() for index in range(len(text)))
    return "".join(
        char.upper() if start else char for char, start in zip(text, starts, strict=True)
    )


def _pad(text: str, before: int, after: int) -> str:
    return " " * before + text + " " * after if text else text


def _truncate(text: str, length: int) -> str:
    if length < 0:
        raise FunctionError(f"slice bounds out of range [:{length}]")
    return text.encode()[:length].decode(errors="replace")


# --- Go's ---


def _index(item: object, *keys: object) -> object:
    for key in keys:
        item = _element(item, key)
    return item


def _element(item: object, key: object) -> object:
    if isinstance(item, Mapping) and not isinstance(item, Struct):
        return _entry(item, key)
    if item is NIL_MAP:
        return ""
    if not isinstance(item, list | tuple | str) and item is not NIL_SLICE:
        what = (
            "index of nil pointer"
            if is_nil(item)
            else f"can't index item of type {type_name(item)}"
        )
        raise FunctionError(what)
    values = item.encode() if isinstance(item, str) else [] if isinstance(item, Nil) else item
    if isinstance(key, bool) or not isinstance(key, int):
        raise FunctionError(f"cannot index slice/array with type {type_name(key)}")
    if not isinstance(values, bytes | list | tuple) or not 0 <= key < len(values):
        raise FunctionError(f"index out of range: {key}")
    return values[key]


def _entry(item: Mapping[str, object], key: object) -> object:
    if not isinstance(key, str):
        raise FunctionError(f"value has type {type_name(key)}; should be string")
    if key in item:
        return item[key]
    return item.zero if isinstance(item, Map) else None


def _slice(item: object, *bounds: object) -> object:
    if len(bounds) > 3:
        raise FunctionError(f"too many slice indexes: {len(bounds)}")
    if isinstance(item, str) and len(bounds) == 3:
        raise FunctionError("cannot 3-index slice a string")
    if not isinstance(item, list | str):
        raise FunctionError(f"can't slice item of type {type_name(item)}")
    values = item.encode() if isinstance(item, str) else item
    limits = [0, len(values), len(values)]
    for place, bound in enumerate(bounds):
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise FunctionError(f"cannot index slice/array with type {type_name(bound)}")
        if not 0 <= bound <= len(values):
            raise FunctionError(f"index out of range: {bound}")
        limits[place] = bound
    if limits[0] > limits[1]:
        raise FunctionError(f"invalid slice index: {limits[0]} > {limits[1]}")
    part = values[limits[0] : limits[1]]
    return part.decode(errors="replace") if isinstance(part, bytes) else part


def _len(item: object) -> int:
    if isinstance(item, str):
        return len(item.encode())
    if isinstance(item, Nil) and item.text != "<nil>":
        return 0
    if is_nil(item):
        raise FunctionError("len of nil pointer")
    if isinstance(item, list | tuple | Mapping) and not isinstance(item, Struct):
        return len(item)
    raise FunctionError(f"len of type {type_name(item)}")


def _kind(value: object) -> str:
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind.__name__
    return ""


def _eq(first: object, *others: object) -> bool:
    if not others:
        raise FunctionError("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def _equal(first: object, other: object) -> bool:
    if is_nil(first) or is_nil(other):
        return is_nil(first) and is_nil(other)
    if _kind(first) != _kind(other):
        raise FunctionError("incompatible types for comparison")
    if not _kind(first):
        shown = f"{type_name(first)}: {format_value(first)}"
        raise FunctionError(f"non-comparable type {shown}")
    return first == other


def _less(first: object, other: object) -> bool:
    kinds = _kind(first), _kind(other)
    if "" in kinds:
        raise FunctionError("invalid type for comparison")
    if kinds[0] != kinds[1]:
        raise FunctionError("incompatible types for comparison")
    if isinstance(first, str) and isinstance(other, str):
        return first.encode() < other.encode()
    if kinds[0] == "bool" or not (
        isinstance(first, int | float) and isinstance(other, int | float)
    ):
        raise FunctionError("invalid type for comparison")
    return first < other


def _less_or_equal(first: object, other: object) -> bool:
    return _less(first, other) or _equal(first, other)


def _text(args: tuple[object, ...]) -> str:
    return sprint(list(args))


_HTML = str.maketrans(
    {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


def _html(*args: object) -> str:
    return _text(args).translate(_HTML)


def _js(*args: object) -> str:
    return "".join(_JS.get(char) or _js_char(char) for char in _text(args))


def _js_char(char: str) -> str:
    return char if char.isprintable() else f"\\u{ord(char):04X}"


def _urlquery(*args: object) -> str:
    from urllib.parse import quote_plus

    return quote_plus(_text(args), safe="")


def _call(function: object, *args: object) -> object:
    if not callable(function):
        raise FunctionError(f"non-function {format_value(function)} of type {type_name(function)}")
    return function(*args)


FUNCTIONS: dict[str, Signature] = {
    "and": Signature(is_true, "any ...any"),
    "call": Signature(_call, "any ...any"),
    "eq": Signature(_eq, "any ...any"),
    "ge": Signature(lambda a, b: not _less(a, b), "any any"),
    "gt": Signature(lambda a, b: not _less_or_equal(a, b), "any any"),
    "html": Signature(_html, "...any"),
    "index": Signature(_index, "any ...any"),
    "join": Signature(_join, "[]string string"),
    "js": Signature(_js, "...any"),
    "json": Signature(encode_json, "any"),
    "le": Signature(_less_or_equal, "any any"),
    "len": Signature(_len, "any"),
    "lower": Signature(str.lower, "string"),
    "lt": Signature(_less, "any any"),
    "ne": Signature(lambda a, b: not _eq(a, b), "any any"),
    "not": Signature(lambda value: not is_true(value), "any"),
    "or": Signature(is_true, "any ...any"),
    "pad": Signature(_pad, "string int int"),
    "print": Signature(lambda *args: _text(args), "...any"),
    "printf": Signature(lambda text, *args: sprintf(text, list(args)), "string ...any"),
    "println": Signature(lambda *args: " ".join(map(format_value, args)) + "\n", "...any"),
    "slice": Signature(_slice, "any ...any"),
    "split": Signature(_split, "string string"),
    "title": Signature(_title, "string"),
    "truncate": Signature(_truncate, "string int"),
    "upper": Signature(str.upper, "string"),
    "urlquery": Signature(_urlquery, "...any"),
}

HEADER_FUNCTIONS: dict[str, Signature] = {
    **FUNCTIONS,
    "join": Signature(lambda title, _: title, "string string"),
    "json": Signature(lambda title: title, "string"),
    "lower": Signature(lambda title: title, "string"),
    "split": Signature(lambda title, _: title, "string string"),
    "title": Signature(lambda title: title, "string"),
    "truncate": Signature(lambda title, _: title, "string int"),
    "upper": Signature(lambda title: title, "string"),
}
"""For the heading of a table, whose column titles Docker leaves as they are."""
