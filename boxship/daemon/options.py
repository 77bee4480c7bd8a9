"""Reading the settings: command line, daemon.json, and their merge by dockerd's rules.

A setting may be given on the command line or in the file, not in both. Errors are
InvalidParameterError with dockerd's words where it has some.
"""

import argparse
import codecs
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from boxship import __version__
from boxship.daemon.settings import (
    BY_NAME,
    IGNORED,
    SETTINGS,
    UNSUPPORTED,
    Setting,
    unsupported_flags,
)
from boxship.errors import InvalidParameterError

Values = dict[str, Any]

_NESTED: Final = frozenset({"proxies", "tls-options"})
"""Objects of the file whose members are settings themselves."""
_MERGED: Final = frozenset({"runtimes"})
"""May stand in both places; the command line wins by entry."""
_ALIASES: Final = {"host-gateway-ips": "host-gateway-ip"}


class _Parser(argparse.ArgumentParser):
    """argparse with errors raised instead of printed."""

    def error(self, message: str) -> NoReturn:
        """Raise InvalidParameterError."""
        raise InvalidParameterError(f"{message}\nSee '{self.prog} --help'.")


def parse_command_line(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Return the texts given for each setting, by name; only settings that were given.

    Raises InvalidParameterError for unknown flags and for those of Docker that are not supported;
    ``--help`` and ``--version`` print and exit.
    """
    options, unknown = _parser().parse_known_args(list(arguments))
    if unknown:
        raise InvalidParameterError(_unknown_argument(unknown[0]))
    return {name: texts for name, texts in vars(options).items() if texts is not None}


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="boxshipd",
        description="The Boxship engine and its Docker-compatible API",
        usage="boxshipd [OPTIONS]",
        allow_abbrev=False,
    )
    version = f"Boxship version {__version__}"
    parser.add_argument("-v", "--version", action="version", version=version)
    for setting in SETTINGS:
        if setting.flag:
            _add_flag(parser, setting)
    return parser


def _add_flag(parser: argparse.ArgumentParser, setting: Setting) -> None:
    names = ([f"-{setting.short}"] if setting.short else []) + [f"--{setting.flag}"]
    is_bool = setting.kind.word == "bool"
    parser.add_argument(
        *names,
        dest=setting.name,
        action="append",
        nargs="?" if is_bool else None,
        const="true" if is_bool else None,
        metavar=setting.kind.word,
        help=setting.doc.replace("%", "%%"),
    )


def _unknown_argument(argument: str) -> str:
    name = argument.partition("=")[0]
    reason = unsupported_flags().get(name.removeprefix("--"))
    if reason is not None:
        return f"flag {name} is not supported: {reason}"
    kind = "unknown flag" if argument.startswith("-") else "unexpected argument"
    return f"{kind}: {name}\nSee 'boxshipd --help'."


def read_file(path: Path) -> Values:
    """Return the values of daemon.json by setting name; an empty file has none.

    Raises FileNotFoundError, or InvalidParameterError for bad JSON, unknown keys (dockerd's words),
    unsupported keys and values of a wrong kind.
    """
    try:
        document = _decode(path.read_bytes())
        values = _flatten(document)
        _check_keys(values)
        return {name: _file_value(name, value) for name, value in values.items() if name in BY_NAME}
    except InvalidParameterError as error:
        raise InvalidParameterError(
            f"unable to configure the daemon with file {path}: {error.message}"
        ) from None


def _decode(data: bytes) -> Mapping[str, Any]:
    encoding = "utf-16" if data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} else "utf-8-sig"
    try:
        text = data.decode(encoding).strip()
        document = json.loads(text) if text else {}
    except ValueError as error:
        raise InvalidParameterError(f"invalid JSON: {error}") from None
    if not isinstance(document, dict):
        raise InvalidParameterError("the file must hold one JSON object")
    return document


def _flatten(document: Mapping[str, Any]) -> Values:
    values: Values = {}
    for key, value in document.items():
        members = value if key in _NESTED and isinstance(value, dict) else {key: value}
        for name, member in members.items():
            if member is not None:
                values[_ALIASES.get(name, name)] = member
    return values


def _check_keys(values: Values) -> None:
    known = {setting.name for setting in SETTINGS if setting.in_file}
    unknown = [key for key in values if key not in known | UNSUPPORTED.keys() | IGNORED]
    if unknown:
        raise InvalidParameterError(
            "the following directives don't match any configuration option: "
            + ", ".join(sorted(unknown))
        )
    for key in values:
        if key in UNSUPPORTED and not _is_default(key, values[key]):
            raise InvalidParameterError(f"{key} is not supported: {UNSUPPORTED[key]}")


def _is_default(key: str, value: Any) -> bool:
    """Whether an unsupported setting only repeats what holds anyway."""
    return value is True if key in {"iptables", "ip6tables"} else value in (False, "", 0, [], {})


def _file_value(name: str, value: Any) -> Any:
    try:
        if name == "host-gateway-ip" and isinstance(value, list):
            value = ",".join(value)
        return BY_NAME[name].kind.from_file(value)
    except (ValueError, TypeError) as error:
        raise InvalidParameterError(f"{name}: {error}") from None


def merge(flags: Mapping[str, list[str]], file_values: Values) -> Values:
    """Return the value of every setting: flag, else file, else default.

    Raises InvalidParameterError with dockerd's words for settings that are given in both places.
    """
    given = {name: _flag_value(BY_NAME[name], texts) for name, texts in flags.items()}
    conflicts = [
        f"{name}: (from flag: {_shown(value)}, from file: {_shown(file_values[name])})"
        for name, value in given.items()
        if name in file_values and name not in _MERGED
    ]
    if conflicts:
        raise InvalidParameterError(
            "the following directives are specified both as a flag and in the configuration file: "
            + ", ".join(conflicts)
        )
    values = {setting.name: setting.default for setting in SETTINGS} | file_values
    for name, value in given.items():
        values[name] = {**file_values.get(name, {}), **value} if name in _MERGED else value
    return values


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{' '.join(map(str, value))}]"
    return str(value)


def _flag_value(setting: Setting, texts: list[str]) -> Any:
    try:
        return setting.kind.from_flags(texts)
    except ValueError as error:
        raise InvalidParameterError(
            f'invalid argument "{texts[-1]}" for "--{setting.flag}" flag: {error}'
        ) from None


def load(flags: Mapping[str, list[str]]) -> Values:
    """Read the file that the flags name (the default one may be missing) and merge."""
    named = flags.get("config-file")
    path = Path(named[-1] if named else BY_NAME["config-file"].default)
    try:
        file_values = read_file(path)
    except FileNotFoundError:
        if named:
            raise InvalidParameterError(
                f"unable to configure the daemon with file {path}: no such file or directory"
            ) from None
        file_values = {}
    return merge(flags, file_values)
