"""The ``--flags`` of instructions, checked against what an instruction knows."""

from collections.abc import Mapping
from enum import Enum

from boxship.engine.build.frontend.suggest import nearest
from boxship.errors import InvalidParameterError


class Kind(Enum):
    """What a flag takes."""

    SWITCH = "switch"
    """true or false; true when nothing is given."""
    TEXT = "text"
    TEXTS = "texts"
    """May be given several times."""


class FlagError(InvalidParameterError):
    """A flag is wrong; ``token`` is the part to point at."""

    def __init__(self, message: str, token: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.token = token
        self.suggestion = suggestion


class Flags:
    """The flags that one instruction was given."""

    def __init__(self, given: tuple[str, ...], known: Mapping[str, Kind]) -> None:
        """Raises FlagError in BuildKit's words."""
        self._texts: dict[str, list[str]] = {}
        self._switches: dict[str, bool] = {}
        for flag in given:
            self._add(flag, known)

    def _add(self, flag: str, known: Mapping[str, Kind]) -> None:
        written, equals, value = flag.partition("=")
        name = written[2:]
        kind = known.get(name)
        if kind is None:
            raise FlagError(f"unknown flag: {written}", written, nearest(name, known))
        if kind is not Kind.TEXTS and (name in self._texts or name in self._switches):
            raise FlagError(f"duplicate flag specified: {written}", written)
        if (kind is not Kind.SWITCH and not equals) or (equals and not value and _switch(kind)):
            raise FlagError(f"missing a value on flag: {written}", written)
        if kind is Kind.SWITCH:
            self._switches[name] = _switch_value(written, value)
        else:
            self._texts.setdefault(name, []).append(value)

    def text(self, name: str, default: str = "") -> str:
        """The value of a flag of kind TEXT."""
        return self._texts.get(name, [default])[0]

    def texts(self, name: str) -> tuple[str, ...]:
        """The values of a flag of kind TEXTS."""
        return tuple(self._texts.get(name, ()))

    def switch(self, name: str) -> bool | None:
        """The value of a flag of kind SWITCH; None when it is not given."""
        return self._switches.get(name)


def _switch(kind: Kind) -> bool:
    return kind is Kind.SWITCH


def _switch_value(written: str, value: str) -> bool:
    if value.lower() not in ("", "true", "false"):
        raise FlagError(f"expecting boolean value for flag {written}, not: {value}", value)
    return value.lower() != "false"
