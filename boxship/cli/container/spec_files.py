"""Lists that files contribute to: ``--env``, ``--env-file``, ``--label``, ``--label-file``."""

import os

from boxship.cli.errors import CliError, UsageError


def environment(given: list[str], files: list[str]) -> list[str]:
    """Files first, flags after them. A name without ``=`` takes the value it has here.

    Where it has none: a flag's bare name goes to the engine, which then drops the image's
    variable; a file's is left out.
    """
    for text in given:
        if not text or text.startswith("="):
            raise usage_error(text, "-e, --env", f"invalid environment variable: {text}")
    lines = [line for path in files for line in _read_lines(path)]
    known = [text for text in lines if "=" in text or text in os.environ]
    return [_resolve(text) for text in known + given]


def _resolve(text: str) -> str:
    if "=" in text or text not in os.environ:
        return text
    return f"{text}={os.environ[text]}"


def labels(given: list[str], files: list[str]) -> dict[str, str]:
    """Files first, flags after them."""
    lines = [line for path in files for line in _read_lines(path)]
    return pairs(lines + given)


def pairs(texts: list[str]) -> dict[str, str]:
    """``key=value`` texts as a table; a missing value is empty."""
    table: dict[str, str] = {}
    for text in texts:
        key, _, value = text.partition("=")
        table[key] = value
    return table


def _read_lines(path: str) -> list[str]:
    """The assignments in a file: no comments, no blank lines, no blank in a name."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [line.lstrip() for line in file.read().splitlines()]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CliError(f"open {path}: {reason}", 125) from error
    except UnicodeDecodeError as error:
        raise CliError(f"invalid utf8 bytes in {path}: {error}", 125) from error
    assignments = [line for line in lines if line and not line.startswith("#")]
    for line in assignments:
        name = line.partition("=")[0]
        if not name:
            raise CliError(f"no variable name on line '{line}' of {path}", 125)
        if any(char.isspace() for char in name):
            raise CliError(f"variable '{name}' contains whitespaces ({path})", 125)
    return assignments


def usage_error(text: str, flag: str, reason: str) -> UsageError:
    """The error for a flag's value that cannot be read."""
    return UsageError(f'invalid argument "{text}" for "{flag}" flag: {reason}', 125)
