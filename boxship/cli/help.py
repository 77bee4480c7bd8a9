"""Help texts, laid out as Docker's."""

import shutil
import textwrap

from boxship.cli import commands
from boxship.cli.flags import HELP, Flag
from boxship.cli.options import GLOBAL_FLAGS
from boxship.cli.suggest import closest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from boxship.cli.main import Command

_MAX_WIDTH = 120
_NAMELESS_DEFAULTS = (None, False, 0, "")


def overview() -> str:
    """``boxship --help``."""
    top_level = {
        spelled: summary
        for key, (_, summary, aliases) in commands.COMMANDS.items()
        for spelled in (key, *aliases)
        if " " not in spelled
    }
    common = {name: top_level[name] for name in commands.COMMON}
    others = {name: top_level[name] for name in sorted(top_level) if name not in common}
    return (
        "Usage:  boxship [OPTIONS] COMMAND\n\n"
        "A platform for containers: build, ship and run them\n\n"
        f"Common Commands:\n{_command_list(common)}\n"
        f"Management Commands:\n{_command_list(commands.GROUPS)}\n"
        f"Commands:\n{_command_list(others)}\n"
        f"Global Options:\n{_flag_list(GLOBAL_FLAGS)}\n"
        "Run 'boxship COMMAND --help' for more information on a command.\n"
    )


def of_group(group: str) -> str:
    """``boxship container --help``."""
    members = {
        key.removeprefix(f"{group} "): summary
        for key, (_, summary, _) in sorted(commands.COMMANDS.items())
        if key.startswith(f"{group} ") and key not in commands.HIDDEN
    }
    return (
        f"Usage:  boxship {group} COMMAND\n\n{summary_of(group)}\n\n"
        f"Commands:\n{_command_list(members)}\n"
        f"Run 'boxship {group} COMMAND --help' for more information on a command.\n"
    )


def summary_of(group: str) -> str:
    """What a group is for."""
    return commands.GROUPS.get(group) or commands.SUBGROUPS[group]


def of_command(key: str, spelled: str, module: "Command") -> str:
    """``boxship run --help``."""
    usage = module.USAGE.replace("\n", f"\n\tboxship {spelled} ")
    text = f"Usage:  boxship {spelled} {usage}\n\n{commands.COMMANDS[key][1]}\n"
    names = commands.spellings(key)
    if len(names) > 1:
        text += "\nAliases:\n  " + ", ".join(f"boxship {name}" for name in names) + "\n"
    flags = [flag for flag in module.FLAGS if not flag.hidden]
    if flags:
        text += f"\nOptions:\n{_flag_list(tuple(flags))}"
    return text


def unknown_command(group: str, word: str) -> str:
    """The message for a word that is no command."""
    where = f"boxship {group}".rstrip()
    prefix = f"{group} " if group else ""
    known = [
        spelled.removeprefix(prefix)
        for key in commands.COMMANDS
        for spelled in commands.spellings(key)
        if spelled.startswith(prefix) and " " not in spelled.removeprefix(prefix)
    ]
    if not group:
        known += commands.GROUPS
    message = f"boxship: unknown command: {where} {word}\n"
    suggestions = closest(word, known)
    if suggestions:
        lines = "".join(f"  {where} {name}\n" for name in suggestions)
        message += f"\nDid you mean this?\n{lines}"
    return f"{message}\nRun '{where} --help' for more information"


def _command_list(summaries: "dict[str, str]") -> str:
    width = max(11, *(len(name) for name in summaries))
    return "".join(f"  {name.ljust(width)} {text}\n" for name, text in summaries.items())


def _flag_list(flags: "tuple[Flag, ...]") -> str:
    everything = sorted((*flags, HELP) if len(flags) > 30 else flags, key=lambda flag: flag.name)
    heads = [_flag_head(flag) for flag in everything]
    width = max(len(head) for head in heads) + 3
    terminal = min(shutil.get_terminal_size().columns, _MAX_WIDTH)
    room = max(terminal - width, 24)
    pieces = []
    for head, flag in zip(heads, everything, strict=True):
        text = _flag_text(flag)
        lines = [part for line in text.split("\n") for part in textwrap.wrap(line, room) or [""]]
        pieces.append(head.ljust(width) + f"\n{' ' * width}".join(lines) + "\n")
    return "".join(pieces)


def _flag_head(flag: Flag) -> str:
    short = f"-{flag.short}, " if flag.short else "    "
    names = {"memswap": "bytes", "uint16": "uint16", "slice": "strings"}
    value = "" if flag.kind == "bool" else " " + names.get(flag.shown, flag.shown)
    return f"  {short}--{flag.name}{value}"


def _flag_text(flag: Flag) -> str:
    if flag.default in _NAMELESS_DEFAULTS:
        return flag.text
    shown = f'"{flag.default}"' if isinstance(flag.default, str) else str(flag.default).lower()
    return f"{flag.text} (default {shown})"
