"""Completion scripts for shells, derived from the command table and the commands' flags.

The scripts hold all words and flags; only names of objects are asked of the daemon while typing.
"""

from boxship.cli import commands
from boxship.cli.flags import Flag
from boxship.cli.main import load
from boxship.cli.options import GLOBAL_FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LISTINGS = {
    "container": "ps -a --format '{{.Names}}'",
    "image": "images --format '{{.Repository}}:{{.Tag}}'",
    "network": "network ls --format '{{.Name}}'",
    "volume": "volume ls -q",
}
_IMAGE_COMMANDS = ("container run", "container create")
_ARGUMENTLESS = ("ls", "prune")


def _paths() -> dict[str, str]:
    """All spellings of all listed commands -> table key."""
    return {
        spelled: key
        for key in commands.COMMANDS
        if key not in commands.HIDDEN
        for spelled in commands.spellings(key)
    }


def _first_words() -> list[str]:
    words = {spelled for spelled in _paths() if " " not in spelled}
    return sorted(words | set(commands.GROUPS))


def _group_words(group: str) -> list[str]:
    prefix = f"{group} "
    return sorted(
        spelled.removeprefix(prefix) for spelled in _paths() if spelled.startswith(prefix)
    )


def _flags_of(key: str) -> list[Flag]:
    return [flag for flag in load(key).FLAGS if not flag.hidden]


def _object_of(key: str) -> str:
    """The kind of object that the command's arguments name, empty for none."""
    group, _, verb = key.partition(" ")
    if key in _IMAGE_COMMANDS:
        return "image"
    if verb in _ARGUMENTLESS or group not in _LISTINGS:
        return "container" if key == "inspect" else ""
    return group


def _summary(spelled: str) -> str:
    if spelled in commands.GROUPS:
        return commands.GROUPS[spelled]
    return commands.COMMANDS[_paths()[spelled]][1]


def _words(flags: list[Flag]) -> str:
    long = [f"--{flag.name}" for flag in flags]
    short = [f"-{flag.short}" for flag in flags if flag.short]
    return " ".join(sorted(long + short))


def bash() -> str:
    """The script for bash: ``source <(boxship completion bash)``."""
    cases = "".join(
        f'        "{spelled}") flags="{_words(_flags_of(key))}"; object="{_object_of(key)}" ;;\n'
        for spelled, key in sorted(_paths().items())
    )
    groups = "".join(
        f'        {group}) words="{" ".join(_group_words(group))}" ;;\n'
        for group in commands.GROUPS
    )
    listings = "".join(
        f'        {kind}) words="$(boxship {call} 2>/dev/null)" ;;\n'
        for kind, call in _LISTINGS.items()
    )
    return _BASH.format(
        first=" ".join(_first_words()),
        global_flags=_words(list(GLOBAL_FLAGS)),
        groups=groups,
        group_names="|".join(commands.GROUPS),
        cases=cases,
        listings=listings,
    )


_BASH = """\
# bash completion for boxship
_boxship() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" words="" flags="" object="" path="" i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${{COMP_WORDS[i]}}" in
        -*) ;;
        *)
            if [[ -z "$path" ]]; then
                path="${{COMP_WORDS[i]}}"
            elif [[ "$path" =~ ^({group_names})$ ]]; then
                path="$path ${{COMP_WORDS[i]}}"
            fi
            ;;
        esac
    done
    case "$path" in
        "") words="{first}"; flags="{global_flags}" ;;
{groups}{cases}    esac
    case "$object" in
{listings}    esac
    if [[ "$cur" == -* ]]; then
        words="$flags --help"
    fi
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "$cur"
    fi
}}
complete -o default -F _boxship boxship
"""


def zsh() -> str:
    """The script for zsh, as a file ``_boxship`` in ``$fpath`` or by ``source``."""
    return "#compdef boxship\nautoload -U +X bashcompinit && bashcompinit\n" + bash()


def fish() -> str:
    """The script for fish: ``boxship completion fish | source``."""
    lines = ["# fish completion for boxship", "complete -c boxship -f"]
    lines += [_fish_word("__fish_use_subcommand", word, _summary(word)) for word in _first_words()]
    for group in commands.GROUPS:
        subcommands = _group_words(group)
        unseen = f"__fish_seen_subcommand_from {group}; and not __fish_seen_subcommand_from"
        condition = f"{unseen} {' '.join(subcommands)}"
        lines += [_fish_word(condition, word, _summary(f"{group} {word}")) for word in subcommands]
    for spelled, key in sorted(_paths().items()):
        seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in spelled.split())
        lines += [_fish_flag(seen, flag) for flag in _flags_of(key)]
        kind = _object_of(key)
        if kind:
            names = f"(boxship {_LISTINGS[kind]} 2>/dev/null)"
            lines.append(f'complete -c boxship -n "{seen}" -a "{names}"')
    return "\n".join(lines) + "\n"


def _fish_word(condition: str, word: str, summary: str) -> str:
    return f"complete -c boxship -n {_quoted(condition)} -a {word} -d {_quoted(summary)}"


def _fish_flag(condition: str, flag: Flag) -> str:
    short = f" -s {flag.short}" if flag.short else ""
    value = "" if flag.kind == "bool" else " -r"
    text = flag.text.splitlines()[0]
    return (
        f"complete -c boxship -n {_quoted(condition)}{short} -l {flag.name}{value}"
        f" -d {_quoted(text)}"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


SHELLS: "dict[str, Callable[[], str]]" = {"bash": bash, "zsh": zsh, "fish": fish}
