"""From the words of a command line to an exit code."""

import os
import sys

from boxship.cli import commands
from boxship.cli.errors import EXIT_USAGE, CliError, UsageError
from boxship.cli.flags import Flag, Parsed, parse
from boxship.cli.options import GLOBAL_FLAGS, Options
from boxship.cli.session import Cli
from boxship.client.errors import DaemonError
from boxship.errors import BoxshipError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from boxship.cli.flags import Flags

    class Command(Protocol):
        """A module that holds one command."""

        USAGE: str
        ARGS: tuple[int, int | None]
        FLAGS: tuple[Flag, ...]
        run: Callable[[Cli, Flags, list[str]], int]


EXIT_INTERRUPTED = 130


def main(words: list[str]) -> int:
    """Run the command that words (without the program's name) stand for; returns exit code."""
    try:
        return _dispatch(words)
    except CliError as error:
        return _print_error(str(error), error.code)
    except BoxshipError as error:
        return _print_error(describe(error), 1)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; the rest of it must not be flushed at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def describe(error: BoxshipError) -> str:
    """The text for the user: Docker's prefix tells that it is the engine speaking."""
    prefix = "Error response from daemon: " if isinstance(error, DaemonError) else ""
    return prefix + str(error)


def _print_error(message: str, code: int) -> int:
    sys.stdout.flush()
    sys.stderr.write(message + "\n")
    return code


def _dispatch(words: list[str]) -> int:
    try:
        parsed = parse(GLOBAL_FLAGS, words, interspersed=False)
    except UsageError as error:
        return _usage_error(error, "boxship", "[OPTIONS] COMMAND [ARG...]")
    if parsed.flags.on("version"):
        from boxship.cli.build_info import version_line

        sys.stdout.write(version_line() + "\n")
        return 0
    if parsed.flags.on("help") or not parsed.args:
        import boxship.cli.help as help_text

        sys.stdout.write(help_text.overview())
        return 0
    key, count = commands.find(parsed.args)
    if not key:
        return _no_command(parsed.args)
    spelled = " ".join(parsed.args[:count])
    return _run_command(key, spelled, Options(parsed.flags), parsed.args[count:])


def load(key: str) -> "Command":
    """Import a command's module."""
    name = "boxship.cli." + commands.COMMANDS[key][0]
    __import__(name)
    module: Command = sys.modules[name]
    return module


def _run_command(key: str, spelled: str, options: Options, words: list[str]) -> int:
    module = load(key)
    try:
        interspersed = getattr(module, "INTERSPERSED", True)
        parsed = parse(module.FLAGS, words, interspersed=interspersed)
    except UsageError as error:
        return _usage_error(error, f"boxship {spelled}", module.USAGE)
    if parsed.flags.on("help"):
        import boxship.cli.help as help_text

        sys.stdout.write(help_text.of_command(key, spelled, module))
        return 0
    try:
        _check_count(spelled, module.ARGS, parsed)
        return module.run(Cli(options, spelled), parsed.flags, parsed.args)
    except UsageError as error:
        return _usage_error(error, f"boxship {spelled}", module.USAGE)


def _check_count(spelled: str, bounds: tuple[int, int | None], parsed: Parsed) -> None:
    least, most = bounds
    count = len(parsed.args)
    if least <= count and (most is None or count <= most):
        return
    if most == 0:
        wanted = "accepts no arguments"
    else:
        number = least if most is None or count < least else most
        bound = "" if least == most else "at least " if count < least else "at most "
        wanted = f"requires {bound}{number} argument{'' if number == 1 else 's'}"
    raise UsageError(f"boxship: 'boxship {spelled}' {wanted}")


def _usage_error(error: UsageError, command: str, usage: str) -> int:
    lines = usage.replace("\n", f"\n\t{command} ")
    return _print_error(
        f"{error}\n\nUsage:  {command} {lines}\n\nRun '{command} --help' for more information",
        error.code,
    )


def _no_command(words: list[str]) -> int:
    import boxship.cli.help as help_text

    group = words[0] if words[0] in commands.GROUPS else ""
    if " ".join(words[:2]) in commands.SUBGROUPS:
        group = " ".join(words[:2])
    rest = words[len(group.split()) :]
    if group and (not rest or rest[0] == "--help"):
        sys.stdout.write(help_text.of_group(group))
        return 0
    if group and rest[0].startswith("-"):
        error = UsageError(f"unknown flag: {rest[0]}", EXIT_USAGE)
        return _usage_error(error, f"boxship {group}", "COMMAND")
    return _print_error(help_text.unknown_command(group, rest[0]), 1)
