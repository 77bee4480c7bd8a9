"""The values that a template sees: JSON's, plus what JSON cannot say about Go's types.

A plain ``dict`` or any other Mapping behaves like a Go struct: an unknown key is an error (when
rendering strictly). A Mapping with an attribute ``go_type`` is named by it in that error.
A callable in a Mapping is a method and receives the arguments that follow its name.
"""

from collections.abc import Callable, Mapping

from boxship.errors import InvalidParameterError


class TemplateError(InvalidParameterError):
    """A template that cannot be parsed or executed; the message has Docker's and Go's words."""


class FunctionError(Exception):
    """A function refused its arguments; the evaluator adds where in the template it happened."""


class Map(dict[str, object]):
    """A Go ``map[string]T``: an unknown key is no error, ``index`` yields T's zero value."""

    zero: object = ""


class Struct(dict[str, object]):
    """A Go struct value: prints as ``{value value}`` in the order of its fields."""


class Nil:
    """A typed nil, which prints and measures like its Go type; JSON's null."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Nil({self.text!r})"


NIL_POINTER = Nil("<nil>")
NIL_SLICE = Nil("[]")
NIL_MAP = Nil("map[]")


class Missing:
    """Go's invalid value: what a lookup yields that finds nothing; prints ``<no value>``."""


MISSING = Missing()


def is_nil(value: object) -> bool:
    """Tell whether a value is JSON's null, a typed nil or nothing at all."""
    return value is None or isinstance(value, Nil | Missing)


def is_true(value: object) -> bool:
    """Tell whether ``if`` takes its first branch: the value is not its type's zero."""
    if is_nil(value):
        return False
    if isinstance(value, str | list | tuple | dict) and not isinstance(value, Struct):
        return len(value) > 0
    if isinstance(value, bool | int | float):
        return value != 0
    return True


def type_name(value: object) -> str:
    """Name the Go type that the value would have after decoding from JSON."""
    named = getattr(value, "go_type", None)
    if isinstance(named, str):
        return named
    for kind, name in _TYPE_NAMES:
        if isinstance(value, kind):
            return name
    return "func()" if callable(value) else "interface {}"


_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (str, "string"),
    (bool, "bool"),
    (int, "int"),
    (float, "float64"),
    (list, "[]interface {}"),
    (tuple, "[]string"),
    (Struct, "struct"),
    (Map, "map[string]string"),
    (Mapping, "map[string]interface {}"),
)


def sorted_items(mapping: Mapping[str, object]) -> list[tuple[str, object]]:
    """A map's entries in the order in which Go prints and ranges over them."""
    return sorted(mapping.items())


Function = Callable[..., object]
