"""The query of a request, read with Docker's rules (moby, ``httputils/form.go``)."""

from urllib.parse import parse_qsl

import msgspec

from boxship.errors import InvalidParameterError

Filters = dict[str, list[str]]

_FALSE_WORDS = frozenset({"", "0", "no", "false", "none"})


class Query:
    """Parsed ``a=1&b=2``; keys may repeat. Reading a missing key gives the default."""

    __slots__ = ("_values",)

    def __init__(self, encoded: str = "") -> None:
        self._values: dict[str, list[str]] = {}
        if encoded:
            for key, value in parse_qsl(encoded, keep_blank_values=True):
                self._values.setdefault(key, []).append(value)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def text(self, key: str, default: str = "") -> str:
        """Return the first value of ``key``."""
        values = self._values.get(key)
        return values[0] if values else default

    def texts(self, key: str) -> list[str]:
        """Return all values of ``key``, in order."""
        return list(self._values.get(key, ()))

    def flag(self, key: str, default: bool = False) -> bool:
        """Return a boolean: empty, 0, no, false, none are false, any other word is true."""
        values = self._values.get(key)
        if not values:
            return default
        return values[0].strip().lower() not in _FALSE_WORDS

    def integer(self, key: str, default: int | None = None) -> int | None:
        """Return a decimal number, or the default when the key is missing or empty.

        Raises InvalidParameterError, with the words of Go's strconv, for anything else.
        """
        text = self.text(key)
        if not text:
            return default
        try:
            return int(text, 10)
        except ValueError:
            raise InvalidParameterError(
                f'invalid value for {key}: strconv.Atoi: parsing "{text}": invalid syntax'
            ) from None

    def filters(self, key: str = "filters") -> Filters:
        """Return the ``filters`` document as name -> values.

        Accepts ``{"name": ["value"]}`` and the old ``{"name": {"value": true}}``; in the old form
        a value that maps to false is left out. Raises InvalidParameterError for anything else.
        """
        text = self.text(key)
        if not text:
            return {}
        try:
            document = msgspec.json.decode(text, type=dict[str, dict[str, bool] | list[str] | None])
        except msgspec.MsgspecError as error:
            raise InvalidParameterError(f"invalid filter: {error}") from None
        return {name: _filter_values(values) for name, values in document.items()}


def _filter_values(values: dict[str, bool] | list[str] | None) -> list[str]:
    if isinstance(values, dict):
        return [value for value, wanted in values.items() if wanted]
    return list(dict.fromkeys(values or ()))
