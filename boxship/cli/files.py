"""Streams from and to the user's files."""

import os

from boxship.cli.errors import CliError
from boxship.cli.relay import write_all
from boxship.cli.session import Cli
from boxship.cli.terminal import STDIN, STDOUT, is_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from boxship.client.core import Call

_BLOCK = 256 * 1024


def write_stream(cli: Cli, call: "Call", path: str) -> None:
    """Write a response's body to path, or to standard output unless that is a terminal.

    A file appears under its name only when it is complete. Raises CliError.
    """
    if not path:
        if is_terminal(STDOUT):
            raise CliError("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        with cli.client.response(call) as response:
            for data in response:
                write_all(STDOUT, data)
        return
    check_output(path)
    with cli.client.response(call) as response:
        _write_file(path, response)


def check_output(path: str) -> None:
    """Raise CliError when path cannot become a file."""
    directory = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(directory):
        raise CliError(f'invalid output path: directory "{directory}" does not exist')
    if os.path.isdir(path):
        raise CliError(f'invalid output path: "{path}" is a directory')


def _write_file(path: str, pieces: "Iterable[bytes]") -> None:
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):  # a device or a pipe
        with open(target, "wb") as file:
            file.writelines(pieces)
        return
    temporary = f"{target}.{os.getpid()}.part"
    try:
        with open(temporary, "wb") as file:
            for data in pieces:
                file.write(data)
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def read_file(path: str) -> "Iterator[bytes]":
    """Blocks of a file, or of standard input for ``-`` or an empty path."""
    if path in ("", "-"):
        while data := os.read(STDIN, _BLOCK):
            yield data
        return
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed by the with below
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CliError(f"open {path}: {reason}") from error
    with file:
        while data := file.read(_BLOCK):
            yield data
