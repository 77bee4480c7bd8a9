"""Bad and odd JSON for the request schemas, out of what msgspec knows of their types.

Documents are made as text, so that they may hold what no encoder writes: numbers without end,
lone surrogates, keys twice.
"""

import json
import random
from collections.abc import Iterator

import msgspec
from msgspec import inspect as types

Place = tuple[str, ...]
"""A field of a document: the keys that lead to it; ``[]`` is an item of a list, ``{}`` of a map."""

SAMPLES: dict[str, tuple[str, ...]] = {
    "text": ('"x"', '""'),
    "number": ("1.5", "1e400", "9223372036854775808", "-9223372036854775809"),
    "whole": ("7",),
    "flag": ("true",),
    "list": ("[]", "[[[]]]"),
    "map": ("{}", '{"x":{"x":[1]}}'),
}
"""JSON values of each kind; what is under ``number`` is no int64."""
KINDS: dict[type[types.Type], tuple[str, ...]] = {
    types.StrType: ("text",),
    types.IntType: ("whole",),
    types.FloatType: ("whole", "number"),
    types.BoolType: ("flag",),
    types.ListType: ("list",),
    types.DictType: ("map",),
    types.StructType: ("map",),
    types.AnyType: tuple(SAMPLES),
}

WORDS = (
    "", " ", "\0", "a\0b", "\n", "a\r\nX-Evil: 1", "..", "../../x", "/proc/self/none", "-", "-1",
    "0", "1", "0x10", "1_000", "\u0661", "99999999999999999999", "1e9", "NaN", "-0.5", "9" * 5000,
    "é\u202e\ufeff", "\U0001f433", "%s%n%00", "{{.}}", "{{", "$(x)", "a:b:c:d:e", ":::", "1-",
    "65536/tcp", "0-1,99999", "container:", "container:none", "host", "none", "sha256:",
    "sha256:" + "0" * 63, "x" * 300, "x" * 70_000, "a=b", "=", "=b", "0000-00-00T99:99:99Z",
    "10.0.0.0/33", "::/129", "[", "(?P<", "*", "\\", "\x7f\x1b[2J", "true", "null", "[]", "{}",
)  # fmt: skip
NAMES = tuple(word for word in WORDS if not set(word) <= set("0123456789abcdef"))
"""Words of which none is the beginning of an id."""
NUMBERS = ("0", "-1", "1", "2", "255", "65536", "2147483648", "9223372036854775807",
           "-9223372036854775808")  # fmt: skip


def document(place: Place, value: str, base: str = "") -> str:
    """Return a JSON object with a value at a place; ``base``: members that it has as well."""
    for key in reversed(place[1:]):
        value = f"[{value}]" if key == "[]" else f"{{{json.dumps(_key(key))}:{value}}}"
    members = f"{json.dumps(place[0])}:{value}"
    return f"{{{base},{members}}}" if base else f"{{{members}}}"


def _key(key: str) -> str:
    return "x" if key == "{}" else key


def fields(shape: type[msgspec.Struct]) -> Iterator[tuple[Place, list[types.Type]]]:
    """Yield every field of a schema, with those of the objects in it, and what it may be."""
    return _fields((), types.type_info(shape))


def _fields(place: Place, shape: types.Type) -> Iterator[tuple[Place, list[types.Type]]]:
    if place:
        yield place, _members(shape)
    for member in _members(shape):
        if isinstance(member, types.StructType):
            for field in member.fields:
                yield from _fields((*place, field.encode_name), field.type)
        elif isinstance(member, types.ListType):
            yield from _fields((*place, "[]"), member.item_type)
        elif isinstance(member, types.DictType):
            yield from _fields((*place, "{}"), member.value_type)


def _members(shape: types.Type) -> list[types.Type]:
    return list(shape.types) if isinstance(shape, types.UnionType) else [shape]


def wrong_documents(shape: type[msgspec.Struct]) -> Iterator[str]:
    """Yield documents each of which has one value of a wrong type."""
    for place, members in fields(shape):
        right = {kind for member in members for kind in KINDS.get(type(member), ())}
        for kind, samples in SAMPLES.items():
            if kind not in right:
                yield from (document(place, sample) for sample in samples)
    yield from (sample for kind in SAMPLES if kind != "map" for sample in SAMPLES[kind])


def odd_value(shape: types.Type, chance: random.Random) -> str:
    """Return JSON of the right type that hardly anybody means."""
    members = [one for one in _members(shape) if type(one) in KINDS]
    return _odd(chance.choice(members), chance) if members else "null"


def _odd(shape: types.Type, chance: random.Random) -> str:
    if isinstance(shape, types.StrType):
        return _text(chance)
    if isinstance(shape, types.IntType | types.FloatType):
        return chance.choice(NUMBERS)
    if isinstance(shape, types.BoolType):
        return chance.choice(("true", "false"))
    if isinstance(shape, types.ListType):
        items = [odd_value(shape.item_type, chance) for _ in range(chance.choice((1, 1, 2, 40)))]
        return f"[{','.join(items)}]"
    if isinstance(shape, types.DictType):
        return f"{{{_text(chance)}:{odd_value(shape.value_type, chance)}}}"
    if isinstance(shape, types.StructType):
        return _odd_object(shape, chance)
    return "null"


def _odd_object(shape: types.StructType, chance: random.Random) -> str:
    chosen = chance.sample(shape.fields, min(len(shape.fields), chance.choice((1, 2, 3))))
    members = [f'"{field.encode_name}":{odd_value(field.type, chance)}' for field in chosen]
    return f"{{{','.join(members)}}}"


def odd_document(shape: type[msgspec.Struct], base: str, chance: random.Random) -> str:
    """Return a document of the right types; ``base``: members that make it a likely one."""
    odd = odd_value(types.type_info(shape), chance)
    return f"{{{base},{odd[1:]}" if base else odd


def _text(chance: random.Random) -> str:
    if chance.random() < 0.02:
        return '"\\ud800"'
    return json.dumps(chance.choice(WORDS), ensure_ascii=chance.random() < 0.5)
