"""Command line flags with the semantics of Go's pflag, which Docker uses.

``--flag value``, ``--flag=value``, ``-f value``, ``-fvalue``, ``-f=value``, grouped booleans
(``-it``), ``--bool=false``, ``--`` ends the flags. Flags may follow arguments unless the command
says otherwise. Not argparse: it would cost each command 10 ms, and its errors are other ones.
"""

from boxship import units
from boxship.cli.errors import EXIT_USAGE, CliError, UsageError
from boxship.errors import InvalidParameterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))
_LISTS = frozenset(("list", "map", "slice"))


class Flag:
    """One flag.

    name, short: without dashes; short may be empty. kind: how its value is read: bool, string,
    list (repeatable), slice (repeatable, commas part values), map (repeatable key=value), int,
    uint, uint16, bytes, memswap, duration (ns), decimal (10^-9 units). text: its help. default:
    None stands for the kind's empty value. shown: the value's name in help when not the kind.
    hidden: left out of help and completion.
    """

    __slots__ = ("default", "hidden", "kind", "name", "short", "shown", "text")

    def __init__(
        self,
        name: str,
        short: str,
        kind: str,
        text: str,
        *,
        default: "Any" = None,
        shown: str = "",
        hidden: bool = False,
    ) -> None:
        self.name = name
        self.short = short
        self.kind = kind
        self.text = text
        self.default = default
        self.shown = shown or kind
        self.hidden = hidden

    @property
    def label(self) -> str:
        """The flag as error messages name it: ``-n, --last``."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


HELP = Flag("help", "", "bool", "Print usage")


class Flags:
    """The values of a command's flags after parsing."""

    __slots__ = ("_defaults", "_values")

    def __init__(self, flags: "Iterable[Flag]") -> None:
        self._defaults = {flag.name: flag for flag in flags}
        self._values: dict[str, Any] = {}

    def store(self, flag: Flag, value: "Any") -> None:
        """Set a value, or append to a repeatable flag's."""
        if flag.kind in _LISTS:
            self._values.setdefault(flag.name, []).extend(value)
        else:
            self._values[flag.name] = value

    def changed(self, name: str) -> bool:
        """Whether the flag was given."""
        return name in self._values

    def label(self, name: str) -> str:
        """How errors call a flag: ``-f, --filter``."""
        return self._defaults[name].label

    def _get(self, name: str, empty: "Any") -> "Any":
        if name in self._values:
            return self._values[name]
        default = self._defaults[name].default
        return empty if default is None else default

    def on(self, name: str) -> bool:
        """A boolean's value."""
        return bool(self._get(name, False))

    def text(self, name: str) -> str:
        """A string's value."""
        return str(self._get(name, ""))

    def number(self, name: str) -> int:
        """The value of a number, size (bytes), duration (ns) or decimal (10^-9)."""
        return int(self._get(name, 0))

    def items(self, name: str) -> list[str]:
        """The values of a repeatable flag."""
        return list(self._get(name, []))


class Parsed:
    """Flags and arguments of one command line."""

    __slots__ = ("args", "flags")

    def __init__(self, flags: Flags, args: list[str]) -> None:
        self.flags = flags
        self.args = args


def parse(specs: "tuple[Flag, ...]", words: list[str], *, interspersed: bool = True) -> Parsed:
    """Split words into flags and arguments. Raises UsageError in pflag's words."""
    specs = (*specs, HELP)
    parser = _Parser(specs, list(words))
    args: list[str] = []
    while parser.rest:
        word = parser.rest.pop(0)
        if word == "--":
            break
        if len(word) < 2 or word[0] != "-":
            args.append(word)
            if not interspersed:
                break
        elif word.startswith("--"):
            parser.take_long(word)
        else:
            parser.take_short_group(word)
    return Parsed(parser.flags, args + parser.rest)


class _Parser:
    def __init__(self, specs: tuple[Flag, ...], rest: list[str]) -> None:
        self.rest = rest
        self.flags = Flags(specs)
        self._long = {flag.name: flag for flag in specs}
        self._short = {flag.short: flag for flag in specs if flag.short}

    def take_long(self, word: str) -> None:
        name, equals, value = word[2:].partition("=")
        if not name or name[0] in "-=":
            raise UsageError(f"bad flag syntax: {word}", EXIT_USAGE)
        flag = self._long.get(name)
        if flag is None:
            raise UsageError(f"unknown flag: --{name}", EXIT_USAGE)
        if not equals and flag.kind == "bool":
            value = "true"
        elif not equals:
            value = self._next_word(f"--{name}")
        self._store(flag, value)

    def take_short_group(self, word: str) -> None:
        letters = word[1:]
        while letters:
            rest = letters
            letter, letters = letters[0], letters[1:]
            flag = self._short.get(letter)
            if flag is None and letter == "h" and "hostname" not in self._long:
                flag = HELP
            if flag is None:
                message = f"unknown shorthand flag: {letter!r} in -{rest}"
                raise UsageError(message, EXIT_USAGE)
            if letters.startswith("="):
                value, letters = letters[1:], ""
            elif flag.kind == "bool":
                value = "true"
            elif letters:
                value, letters = letters, ""
            else:
                value = self._next_word(f"{letter!r} in -{rest}")
            self._store(flag, value)

    def _next_word(self, where: str) -> str:
        if not self.rest:
            raise UsageError(f"flag needs an argument: {where}", EXIT_USAGE)
        return self.rest.pop(0)

    def _store(self, flag: Flag, text: str) -> None:
        try:
            self.flags.store(flag, _READERS[flag.kind](text))
        except (InvalidParameterError, CliError) as error:
            message = f'invalid argument "{text}" for "{flag.label}" flag: {error}'
            raise UsageError(message, EXIT_USAGE) from None


def read_bool(text: str) -> bool:
    """Read a boolean as Go's ParseBool. Raises InvalidParameterError."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise InvalidParameterError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def _read_int(text: str) -> int:
    return _read_number(text, "ParseInt", -(1 << 63), (1 << 63) - 1)


def _read_uint(text: str) -> int:
    return _read_number(text, "ParseUint", 0, (1 << 64) - 1)


def _read_uint16(text: str) -> int:
    return _read_number(text, "ParseUint", 0, (1 << 16) - 1)


def _read_number(text: str, function: str, least: int, most: int) -> int:
    try:
        number = int(text, 0) if text.isascii() and text == text.strip() else None
    except ValueError:
        number = _octal(text)
    if number is None or (number < 0 <= least):
        raise InvalidParameterError(f'strconv.{function}: parsing "{text}": invalid syntax')
    if not least <= number <= most:
        raise InvalidParameterError(f'strconv.{function}: parsing "{text}": value out of range')
    return number


def _octal(text: str) -> int | None:
    """A leading zero means octal in Go's base 0, and is an error in Python's."""
    digits = text.lstrip("+-")
    if not digits.isdecimal() or "8" in digits or "9" in digits:
        return None
    return int(text, 8)


def _read_decimal(text: str) -> int:
    """Read a decimal number of CPUs as 10^-9 of one."""
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdecimal()):
        raise InvalidParameterError(f"failed to parse {text} as a rational number")
    if len(fraction) > 9 and fraction[9:].strip("0"):
        raise InvalidParameterError("value is too precise")
    return int((whole or "0") + fraction[:9].ljust(9, "0"))


def _read_slice(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")] if text else []


def _read_list(text: str) -> list[str]:
    return [text]


_READERS: "dict[str, Callable[[str], Any]]" = {
    "bool": read_bool,
    "string": str,
    "list": _read_list,
    "slice": _read_slice,
    "map": _read_list,
    "int": _read_int,
    "uint": _read_uint,
    "uint16": _read_uint16,
    "bytes": units.parse_bytes,
    "memswap": units.parse_memory_swap,
    "duration": units.parse_duration,
    "decimal": _read_decimal,
}
