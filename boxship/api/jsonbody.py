"""Decoding of request bodies with the rules of Go's encoding/json.

Docker's clients rely on three of them: the case of a key does not matter, null is accepted for any
field and means "not given", and unknown fields are ignored. So the document is decoded without a
type, its keys are folded to the names of the wanted type, nulls are dropped, and the result is
converted. Keys of maps (labels, exposed ports) are data and stay as they are.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import inspect as shapes

from boxship.errors import InvalidParameterError

T = TypeVar("T")
_Folder = Callable[[Any], Any]
_folders: dict[type, _Folder] = {}


def decode_json(body: bytes, wanted: type[T]) -> T:
    """Decode ``body`` into ``wanted``: a msgspec Struct whose fields all have defaults, a dict, …

    Raises InvalidParameterError with Docker's words for malformed JSON or a value of a wrong type.
    """
    if not body.strip():
        raise InvalidParameterError("invalid JSON: got EOF while reading request body")
    try:
        document = msgspec.json.decode(body)
        fold = _folders.get(wanted)
        if fold is None:
            fold = _folders[wanted] = _folder(shapes.type_info(wanted))
        return msgspec.convert(fold(document), wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        if "trailing characters" in str(error):
            raise InvalidParameterError("unexpected content after JSON") from None
        raise InvalidParameterError(f"invalid JSON: {error}") from None
    except RecursionError:
        raise InvalidParameterError("invalid JSON: exceeded max depth") from None


def _folder(shape: shapes.Type) -> _Folder:
    if isinstance(shape, shapes.StructType):
        return _struct_folder(shape)
    if isinstance(shape, shapes.DictType):
        return _dict_folder(_folder(shape.value_type), _zero(shape.value_type))
    if isinstance(shape, shapes.ListType):
        return _list_folder(_folder(shape.item_type), _zero(shape.item_type))
    if isinstance(shape, shapes.UnionType):
        return _union_folder(shape)
    return _unchanged


def _unchanged(value: Any) -> Any:
    return value


def _struct_folder(shape: shapes.StructType) -> _Folder:
    fields: dict[str, tuple[str, _Folder]] = {}

    def fold(value: Any) -> Any:
        if not isinstance(value, dict):
            return {} if value is None else value
        if not fields:  # filled at first use, since a struct may contain itself
            for field in shape.fields:
                fields[field.encode_name.lower()] = (field.encode_name, _folder(field.type))
        folded = {}
        for key, item in value.items():
            known = fields.get(key.lower())
            if known is not None and item is not None:
                name, fold_item = known
                folded[name] = fold_item(item)
        return folded

    return fold


def _dict_folder(fold_item: _Folder, zero: Callable[[], Any]) -> _Folder:
    def fold(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {k: zero() if item is None else fold_item(item) for k, item in value.items()}

    return fold


def _list_folder(fold_item: _Folder, zero: Callable[[], Any]) -> _Folder:
    def fold(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [zero() if item is None else fold_item(item) for item in value]

    return fold


def _union_folder(shape: shapes.UnionType) -> _Folder:
    """Choose the member by the kind of the JSON value; Docker's unions never have two objects."""
    by_kind: dict[type, _Folder] = {}
    for member in shape.types:
        if isinstance(member, shapes.StructType | shapes.DictType):
            by_kind[dict] = _folder(member)
        elif isinstance(member, shapes.ListType):
            by_kind[list] = _folder(member)

    def fold(value: Any) -> Any:
        return by_kind.get(type(value), _unchanged)(value)

    return fold


def _zero(shape: shapes.Type) -> Callable[[], Any]:
    """Return a maker of Go's zero value, which a null inside a list or map stands for."""
    if isinstance(shape, shapes.StructType | shapes.DictType):
        return dict
    if isinstance(shape, shapes.ListType):
        return list
    scalars: dict[type[shapes.Type], Callable[[], Any]] = {
        shapes.StrType: str,
        shapes.IntType: int,
        shapes.FloatType: float,
        shapes.BoolType: bool,
    }
    return scalars.get(type(shape), _none)


def _none() -> None:
    return None
