"""Reading JSON documents that strangers wrote: bounded, null-tolerant, with clear errors."""

from typing import Any, TypeVar

import msgspec

from boxship.errors import InvalidParameterError

MAX_DOCUMENT_SIZE = 4 * 1024 * 1024
"""Bytes of a manifest, index or configuration; the limit of distribution's registries."""

T = TypeVar("T")


def parse(data: bytes, what: str) -> Any:
    """Return the JSON value in ``data``; members that are null are left out, as Go reads them.

    ``what`` names the document in errors. Raises InvalidParameterError.
    """
    if len(data) > MAX_DOCUMENT_SIZE:
        raise InvalidParameterError(
            f"invalid {what}: {len(data)} bytes exceed the limit of {MAX_DOCUMENT_SIZE}"
        )
    try:
        return _without_nulls(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidParameterError(f"invalid {what}: not a JSON document: {error}") from None
    except RecursionError:
        raise InvalidParameterError(f"invalid {what}: nested too deeply") from None


def convert(value: Any, type_: type[T], what: str) -> T:
    """Shape a parsed value; unknown members are ignored. Raises InvalidParameterError."""
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise InvalidParameterError(f"invalid {what}: {error}") from None


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
