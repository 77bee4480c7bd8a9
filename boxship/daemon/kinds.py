"""Kinds of settings: how a value is written on the command line and in daemon.json.

Each kind turns both spellings into one Python value. Errors are ValueError with the reason only;
the caller adds the setting's name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from boxship.engine.config import AddressPool, RuntimeConfig, UlimitDefault
from boxship.errors import InvalidParameterError
from boxship.units import parse_bytes

_TRUE_WORDS = frozenset({"1", "t", "true"})
_FALSE_WORDS = frozenset({"0", "f", "false"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value."""

    word: str
    """How help texts call it, as in pflag: ``string``, ``list``, ``bytes`` …"""
    from_flags: Callable[[list[str]], Any]
    """From all occurrences of the flag, in order; at least one."""
    from_file: Callable[[Any], Any]
    """From the decoded JSON value, never null."""


def _wrong(value: Any, wanted: str) -> ValueError:
    return ValueError(f"cannot use {value!r} here: {wanted} expected")


def _bool_word(values: list[str]) -> bool:
    word = values[-1].lower()
    if word in _TRUE_WORDS:
        return True
    if word in _FALSE_WORDS:
        return False
    raise ValueError(f'parsing "{values[-1]}": invalid syntax, true or false expected')


def _bool_value(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, "true or false")
    return value


def _int_word(values: list[str]) -> int:
    try:
        return int(values[-1], 10)
    except ValueError:
        raise ValueError(f'parsing "{values[-1]}": invalid syntax, a number expected') from None


def _int_value(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(value, "a number")
    return value


def _text_value(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(value, "a string")
    return value


def _list_value(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(value, "a list of strings")
    return tuple(value)


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ValueError(f"{text!r} is not of the form name=value")
    return name, value


def _map_words(values: list[str]) -> dict[str, str]:
    return dict(_pair(value) for value in values)


def _map_value(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise _wrong(value, "a map of strings")
    return dict(value)


def _feature_words(values: list[str]) -> dict[str, bool]:
    pairs = [value.partition("=") for value in values]
    return {name: _bool_word([word]) if separator else True for name, separator, word in pairs}


def _feature_value(value: Any) -> dict[str, bool]:
    if not isinstance(value, dict):
        raise _wrong(value, "a map of booleans")
    return {name: _bool_value(item) for name, item in value.items()}


def _bytes(text: str) -> int:
    try:
        return parse_bytes(text)
    except InvalidParameterError as error:
        raise ValueError(error.message) from None


def _bytes_value(value: Any) -> int:
    return _bytes(value) if isinstance(value, str) else _int_value(value)


def _runtime_words(values: list[str]) -> dict[str, RuntimeConfig]:
    return {name: RuntimeConfig(path=path) for name, path in map(_pair, values)}


def _runtime_value(value: Any) -> dict[str, RuntimeConfig]:
    if not isinstance(value, dict):
        raise _wrong(value, "a map of runtimes")
    return {name: _runtime(name, item) for name, item in value.items()}


def _runtime(name: str, item: Any) -> RuntimeConfig:
    if not isinstance(item, dict) or not isinstance(item.get("path"), str):
        raise ValueError(
            f"runtime {name!r} needs a path: every runtime here is an OCI command-line program"
        )
    return RuntimeConfig(path=item["path"], args=_list_value(item.get("runtimeArgs") or []))


def _ulimit_words(values: list[str]) -> tuple[UlimitDefault, ...]:
    return tuple(_ulimit(*_pair(value)) for value in values)


def _ulimit(name: str, text: str) -> UlimitDefault:
    soft_text, separator, hard_text = text.partition(":")
    soft = _int_word([soft_text])
    hard = _int_word([hard_text]) if separator else soft
    return _checked_ulimit(UlimitDefault(name=name, soft=soft, hard=hard))


def _checked_ulimit(limit: UlimitDefault) -> UlimitDefault:
    if limit.hard != -1 and (limit.soft == -1 or limit.soft > limit.hard):
        raise ValueError(
            f"ulimit soft limit must be less than or equal to hard limit: "
            f"{limit.soft} > {limit.hard}"
        )
    return limit


def _ulimit_value(value: Any) -> tuple[UlimitDefault, ...]:
    if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
        raise _wrong(value, 'a map such as {"nofile": {"Name": "nofile", "Soft": 1, "Hard": 2}}')
    limits = []
    for name, item in value.items():
        soft, hard = (_int_value(item.get(key, 0)) for key in ("Soft", "Hard"))
        limits.append(_checked_ulimit(UlimitDefault(name=name, soft=soft, hard=hard)))
    return tuple(limits)


def _pool_words(values: list[str]) -> tuple[AddressPool, ...]:
    return tuple(_pool(dict(_pair(part) for part in value.split(","))) for value in values)


def _pool(item: Mapping[str, Any]) -> AddressPool:
    if set(item) != {"base", "size"}:
        raise ValueError("an address pool has a base and a size: base=10.10.0.0/16,size=24")
    return AddressPool(base=_text_value(item["base"]), size=int(item["size"]))


def _pool_value(value: Any) -> tuple[AddressPool, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _wrong(value, 'a list such as [{"base": "10.10.0.0/16", "size": 24}]')
    return tuple(_pool(item) for item in value)


def _registries_words(values: list[str]) -> dict[str, tuple[str, ...]]:
    pairs = [_pair(value) for value in values]
    return {host: tuple(url for name, url in pairs if name == host) for host, _ in pairs}


def _registries_value(value: Any) -> dict[str, tuple[str, ...]]:
    """Read ``{"ghcr.io": {"mirrors": ["https://mirror.example.com/ghcr"]}}``."""
    if not isinstance(value, dict):
        raise _wrong(value, "a map of registries")
    found = {}
    for host, item in value.items():
        if not isinstance(item, dict) or not item.keys() <= {"mirrors"}:
            raise _wrong(item, 'a registry\'s settings, such as {"mirrors": ["https://host/path"]}')
        found[host] = _list_value(item.get("mirrors", []))
    return found


BOOL: Final = Kind("bool", _bool_word, _bool_value)
INT: Final = Kind("int", _int_word, _int_value)
TEXT: Final = Kind("string", lambda values: values[-1], _text_value)
LIST: Final = Kind("list", tuple, _list_value)
MAP: Final = Kind("map", _map_words, _map_value)
FEATURES: Final = Kind("map", _feature_words, _feature_value)
BYTES: Final = Kind("bytes", lambda values: _bytes(values[-1]), _bytes_value)
RUNTIMES: Final = Kind("runtime", _runtime_words, _runtime_value)
ULIMITS: Final = Kind("ulimit", _ulimit_words, _ulimit_value)
REGISTRIES: Final = Kind("host=url", _registries_words, _registries_value)
POOLS: Final = Kind("pool-options", _pool_words, _pool_value)
